package main

import (
	"bufio"
	"encoding/json"
	"net"
)

// command is one line from a test. `rules` replaces the planted faults, `watch` says which paths are recorded from now
// on, `events` asks for what was recorded since the start.
type command struct {
	Rules  *[]*rule `json:"rules"`
	Watch  string   `json:"watch"`
	Events bool     `json:"events"`
}

type reply struct {
	Error     string  `json:"error,omitempty"`
	Events    []event `json:"events,omitempty"`
	Truncated bool    `json:"truncated,omitempty"`
}

func serveControl(listener net.Listener, plan *plan) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			lines := bufio.NewScanner(connection)
			lines.Buffer(nil, 1<<20)
			encoder := json.NewEncoder(connection)
			for lines.Scan() {
				encoder.Encode(obey(lines.Bytes(), plan))
			}
		}()
	}
}

func obey(line []byte, plan *plan) reply {
	var c command
	if err := json.Unmarshal(line, &c); err != nil {
		return reply{Error: err.Error()}
	}
	if c.Rules != nil {
		if err := plan.replace(*c.Rules, c.Watch); err != nil {
			return reply{Error: err.Error()}
		}
	}
	if !c.Events {
		return reply{}
	}
	plan.mutex.Lock()
	defer plan.mutex.Unlock()
	return reply{Events: append([]event(nil), plan.events...), Truncated: len(plan.events) >= eventLimit}
}
