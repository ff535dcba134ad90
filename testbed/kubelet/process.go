package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// launchSpec describes a process of a container, for either launcher.
type launchSpec struct {
	Argv     []string
	Env      []string `json:"-"`
	Dir      string   // working directory as the container sees it, may be empty
	Root     string   // folder of the container on this machine
	Hostname string
	Mounts   []mount
	// Patchwork: the root is put together from parts, see makePatchwork.
	Patchwork bool
	TTY       bool `json:"-"`
	Stdin     bool `json:"-"`
}

// mount puts a file or folder of this machine into the container.
type mount struct {
	Source   string
	Target   string // absolute path in the container
	ReadOnly bool
}

// launcher makes commands that run inside a container.
type launcher interface {
	name() string
	// first is the container's own process, whose end is the container's.
	first(spec launchSpec) (*exec.Cmd, error)
	// further is a process that joins the container of the first one.
	further(first *process, spec launchSpec) (*exec.Cmd, error)
}

// outputDelay is how long output may still come after the end of a process
// that left children behind.
const outputDelay = time.Second

// process is one run of a container.
type process struct {
	command   *exec.Cmd
	spec      launchSpec
	startedAt meta.Time
	terminal  *os.File       // the kubelet's side of the TTY, nil without one
	stdin     io.WriteCloser // nil unless the container has stdin or a TTY
	output    *fanout
	// exited is closed after the last output was logged; code is valid then.
	exited chan struct{}
	code   int
}

func startProcess(l launcher, spec launchSpec, logs *logBuffer) (*process, error) {
	command, err := l.first(spec)
	if err != nil {
		return nil, err
	}
	command.WaitDelay = outputDelay
	p := &process{command: command, spec: spec, startedAt: meta.Now().Rfc3339Copy(), output: newFanout(logs), exited: make(chan struct{})}
	var copying sync.WaitGroup
	if spec.TTY {
		if p.terminal, err = startOnTerminal(command); err != nil {
			return nil, err
		}
		p.stdin = p.terminal
		// Reading ends with an error (EIO) when the last holder of the terminal is gone.
		copying.Go(func() { _, _ = io.Copy(p.output.stream(stdout), p.terminal) })
	} else {
		command.Stdout, command.Stderr = p.output.stream(stdout), p.output.stream(stderr)
		if spec.Stdin {
			if p.stdin, err = command.StdinPipe(); err != nil {
				return nil, err
			}
		}
		if err := command.Start(); err != nil {
			return nil, err
		}
	}
	go func() {
		err := command.Wait()
		// Without a PID namespace, children that were left behind must go too.
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		copying.Wait()
		if p.terminal != nil {
			p.terminal.Close()
		}
		p.code = exitCode(err)
		close(p.exited)
	}()
	return p, nil
}

// startOnTerminal starts the command as leader of a session on a new TTY.
func startOnTerminal(command *exec.Cmd) (*os.File, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	command.Stdin, command.Stdout, command.Stderr = theirs, theirs, theirs
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A new session is a new process group too, and setting both is an error.
	command.SysProcAttr.Setpgid = false
	command.SysProcAttr.Setsid, command.SysProcAttr.Setctty = true, true
	if err := command.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// terminate asks the first process alone, as a container runtime does.
func (p *process) terminate() { _ = syscall.Kill(p.pid(), syscall.SIGTERM) }

// kill ends the whole group; in a PID namespace the rest dies with the first.
func (p *process) kill() {
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
		_ = syscall.Kill(p.pid(), syscall.SIGKILL)
	}
}

// exitCode is what a shell would say: 128 plus the signal for a killed process.
func exitCode(err error) int {
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return 0
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 128
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
