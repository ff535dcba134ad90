package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type role int

const (
	ordinary role = iota
	initializer
	sidecar
	ephemeral
)

// Restart delays are shorter than a real node's (10 s to 5 min), for tests.
const (
	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
	healthyAfter = 10 * time.Minute
)

// container is one container of a pod over all of its runs. The pod's lock
// guards the fields below spec and role.
type container struct {
	pod  *pod
	spec core.Container
	role role

	process  *process // of the current run, nil between runs
	runs     int
	finished bool // will not run again
	stopping bool
	waiting  string // reason while nothing runs
	message  string
	last     *core.ContainerStateTerminated
	logs     *logBuffer
	previous *logBuffer
	// started is closed at the first start, over when it will not run again.
	started     chan struct{}
	startedOnce sync.Once
	over        chan struct{}
}

func newContainer(p *pod, spec core.Container, r role) *container {
	return &container{
		pod: p, spec: spec, role: r, waiting: "ContainerCreating",
		logs: newLogBuffer(), started: make(chan struct{}), over: make(chan struct{}),
	}
}

// run starts the container as often as the policy says, until it ends or the
// pod does.
func (c *container) run(policy core.RestartPolicy) {
	defer c.finish()
	backoff := time.Duration(0)
	for c.mayStart() {
		begun := time.Now()
		code, err := c.runOnce()
		if err != nil {
			c.setWaiting("CreateContainerConfigError", err)
			c.pause(time.Second)
			continue
		}
		if policy == core.RestartPolicyNever || policy == core.RestartPolicyOnFailure && code == 0 {
			return
		}
		if time.Since(begun) > healthyAfter {
			backoff = 0
		}
		if backoff > 0 {
			c.setWaiting("CrashLoopBackOff", fmt.Errorf("back-off %s restarting failed container=%s", backoff, c.spec.Name))
			c.pause(backoff)
		}
		backoff = min(max(2*backoff, firstBackoff), lastBackoff)
	}
}

func (c *container) mayStart() bool {
	if strings.Contains(c.spec.Image, "missing") {
		c.setWaiting("ImagePullBackOff", errors.New("images with \"missing\" in their name do not exist here"))
		<-c.pod.ctx.Done()
	}
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	return !c.stopping && c.pod.ctx.Err() == nil
}

// runOnce runs the process and waits for its end. An error means that it could
// not be described (a Secret of its environment is missing), not that it failed.
func (c *container) runOnce() (int, error) {
	launch, err := c.launchSpec(c.pod.ctx)
	if err != nil {
		return 0, err
	}
	c.pod.mu.Lock()
	if c.runs > 0 {
		c.previous, c.logs = c.logs, newLogBuffer()
	}
	c.runs++
	logs := c.logs
	c.pod.mu.Unlock()
	defer logs.close()

	begun := meta.Now().Rfc3339Copy()
	running, err := startProcess(c.pod.manager.launcher, launch, logs)
	if err != nil {
		log.Printf("starting %s of %s: %v", c.spec.Name, c.pod.describe(), err)
		logs.write(stderr, []byte(err.Error()+"\n"))
		c.end(core.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: err.Error(), StartedAt: begun})
		return 128, nil
	}
	c.begin(running)
	<-running.exited
	reason := "Completed"
	if running.code != 0 {
		reason = "Error"
	}
	c.end(core.ContainerStateTerminated{ExitCode: int32(running.code), Reason: reason, StartedAt: begun})
	return running.code, nil
}

// begin notes that the process runs.
func (c *container) begin(running *process) {
	c.pod.mu.Lock()
	c.process, c.waiting, c.message = running, "", ""
	// A stop that came while the process was being started did not see it.
	late := c.stopping
	c.pod.mu.Unlock()
	c.startedOnce.Do(func() { close(c.started) })
	if late {
		running.kill()
	}
	c.pod.report()
}

// end notes the result of a run.
func (c *container) end(result core.ContainerStateTerminated) {
	result.FinishedAt = meta.Now().Rfc3339Copy()
	c.pod.mu.Lock()
	result.ContainerID = c.id()
	c.process, c.last, c.waiting, c.message = nil, &result, "", ""
	c.pod.mu.Unlock()
	c.pod.report()
}

func (c *container) setWaiting(reason string, err error) {
	c.pod.mu.Lock()
	c.waiting, c.message = reason, err.Error()
	c.pod.mu.Unlock()
	c.pod.report()
}

func (c *container) pause(d time.Duration) {
	select {
	case <-c.pod.ctx.Done():
	case <-time.After(d):
	}
}

func (c *container) finish() {
	c.pod.mu.Lock()
	c.finished = true
	c.pod.mu.Unlock()
	close(c.over)
	c.pod.report()
}

func (c *container) waitStarted() bool {
	select {
	case <-c.started:
		return true
	case <-c.pod.ctx.Done():
		return false
	}
}

func (c *container) succeeded() bool {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	return c.last != nil && c.last.ExitCode == 0
}

// running returns the process of the current run, nil if there is none.
func (c *container) running() *process {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	return c.process
}

func (c *container) stop(grace time.Duration) {
	c.stopWithin(c.pod.manager.ctx, grace)
}

// stopWithin asks the process to end, kills it after the grace period or when
// hurry ends, and returns when it is gone and will not be started again.
func (c *container) stopWithin(hurry context.Context, grace time.Duration) {
	c.pod.mu.Lock()
	c.stopping = true
	running := c.process
	c.pod.mu.Unlock()
	if running != nil {
		running.terminate()
		select {
		case <-running.exited:
		case <-time.After(grace):
		case <-hurry.Done():
		}
		running.kill()
	}
	<-c.over
}

func (c *container) id() string {
	return fmt.Sprintf("testbed://%s/%s/%d", c.pod.uid, c.spec.Name, c.runs)
}

// status needs the pod's lock.
func (c *container) status() core.ContainerStatus {
	up := c.process != nil
	status := core.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: "testbed://" + c.spec.Image,
		Started: &up, RestartCount: int32(max(c.runs-1, 0)),
	}
	if c.runs > 0 {
		status.ContainerID = c.id()
	}
	switch {
	case up:
		status.Ready = c.role != ephemeral
		status.State.Running = &core.ContainerStateRunning{StartedAt: c.process.startedAt}
		status.LastTerminationState.Terminated = c.last
	case c.last != nil && (c.finished || c.waiting == ""):
		status.Ready = c.role == initializer && c.last.ExitCode == 0
		status.State.Terminated = c.last
	default:
		status.State.Waiting = &core.ContainerStateWaiting{Reason: c.waiting, Message: c.message}
		status.LastTerminationState.Terminated = c.last
	}
	return status
}
