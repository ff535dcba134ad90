package main

import (
	"context"
	"log"
	"os"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pod is one pod from its first sight to its end.
type pod struct {
	manager *manager
	uid     types.UID
	dir     string

	// ctx ends when the pod must not start anything more: it is being deleted, or the node stops.
	ctx    context.Context
	cancel context.CancelFunc
	// gone is closed when the object is no longer in the API: no grace, no status.
	gone     chan struct{}
	goneOnce sync.Once
	// changed has one place: a report is due.
	changed chan struct{}

	mu         sync.Mutex
	object     *core.Pod
	containers []*container
	initFailed bool
	// problem explains why nothing runs yet (a volume's Secret is missing, …).
	problem string
	status  core.PodStatus
}

func newPod(m *manager, object *core.Pod, dir string) *pod {
	ctx, cancel := context.WithCancel(m.ctx)
	return &pod{
		manager: m, uid: object.UID, dir: dir, ctx: ctx, cancel: cancel, object: object,
		gone: make(chan struct{}), changed: make(chan struct{}, 1),
	}
}

func (p *pod) snapshot() *core.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object
}

func (p *pod) update(object *core.Pod) {
	p.mu.Lock()
	p.object = object
	p.mu.Unlock()
	if object.DeletionTimestamp != nil {
		p.cancel()
		return
	}
	p.startEphemeral(object)
}

func (p *pod) vanish() {
	p.goneOnce.Do(func() { close(p.gone) })
	p.cancel()
}

// report asks for a status update; several requests become one.
func (p *pod) report() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// live runs the pod. It returns when all processes have ended and, unless the
// node itself stops, the object is gone.
func (p *pod) live() {
	defer p.manager.forget(p)
	defer p.cancel()
	reports, endReports := context.WithCancel(p.manager.ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { p.reportLoop(reports) })

	var work sync.WaitGroup
	work.Go(func() {
		if p.prepare() && p.runInit() {
			p.runMain()
		}
	})
	<-p.ctx.Done()
	p.endProcesses()
	work.Wait()
	endReports()
	reporter.Wait()
	if p.manager.ctx.Err() == nil {
		p.release()
	}
	if err := os.RemoveAll(p.dir); err != nil {
		log.Printf("removing the files of %s: %v", p.describe(), err)
	}
}

// prepare makes the volumes, trying again until it works: a Secret may come
// later, and the Node authorizer learns of a new pod with some delay.
func (p *pod) prepare() bool {
	wait := 20 * time.Millisecond
	for p.ctx.Err() == nil {
		err := p.makeVolumes(p.ctx)
		p.mu.Lock()
		p.problem = ""
		if err != nil {
			p.problem = err.Error()
		}
		p.mu.Unlock()
		if err == nil {
			return true
		}
		if wait > 200*time.Millisecond {
			log.Printf("volumes of %s: %v", p.describe(), err)
			p.report()
		}
		select {
		case <-p.ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 2*time.Second)
	}
	return false
}

// runInit runs init containers one after the other and starts sidecars. It is
// true when the main containers may start.
func (p *pod) runInit() bool {
	object := p.snapshot()
	for _, spec := range object.Spec.InitContainers {
		if spec.RestartPolicy != nil && *spec.RestartPolicy == core.ContainerRestartPolicyAlways {
			c := p.add(spec, sidecar)
			go c.run(core.RestartPolicyAlways)
			if !c.waitStarted() {
				return false
			}
			continue
		}
		policy := object.Spec.RestartPolicy
		if policy == core.RestartPolicyAlways {
			policy = core.RestartPolicyOnFailure
		}
		c := p.add(spec, initializer)
		c.run(policy)
		if !c.succeeded() {
			p.mu.Lock()
			p.initFailed = p.ctx.Err() == nil
			p.mu.Unlock()
			p.report()
			p.stopSidecars()
			return false
		}
	}
	return p.ctx.Err() == nil
}

// runMain runs the main containers to their end, if they have one.
func (p *pod) runMain() {
	object := p.snapshot()
	var running sync.WaitGroup
	for _, spec := range object.Spec.Containers {
		c := p.add(spec, ordinary)
		running.Go(func() { c.run(object.Spec.RestartPolicy) })
	}
	p.startEphemeral(object)
	running.Wait()
	p.stopSidecars()
}

// startEphemeral starts debug containers that were added to a running pod.
func (p *pod) startEphemeral(object *core.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	started := false
	for _, c := range p.containers {
		started = started || c.role == ordinary
	}
	if !started {
		return
	}
	for _, spec := range object.Spec.EphemeralContainers {
		if p.lookup(spec.Name) == nil {
			c := newContainer(p, core.Container(spec.EphemeralContainerCommon), ephemeral)
			p.containers = append(p.containers, c)
			go c.run(core.RestartPolicyNever)
		}
	}
}

func (p *pod) add(spec core.Container, role role) *container {
	c := newContainer(p, spec, role)
	p.mu.Lock()
	p.containers = append(p.containers, c)
	p.mu.Unlock()
	return c
}

func (p *pod) container(name string) *container {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lookup(name)
}

// lookup needs the lock.
func (p *pod) lookup(name string) *container {
	for _, c := range p.containers {
		if c.spec.Name == name {
			return c
		}
	}
	return nil
}

func (p *pod) all() []*container {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*container(nil), p.containers...)
}

func (p *pod) stopSidecars() {
	for _, c := range p.all() {
		if c.role == sidecar {
			go c.stop(5 * time.Second)
		}
	}
}

// endProcesses ends all containers within the grace period of the deletion;
// at once when the object is gone already or the node stops.
func (p *pod) endProcesses() {
	object := p.snapshot()
	grace := 30 * time.Second
	if seconds := object.DeletionGracePeriodSeconds; seconds != nil {
		grace = time.Duration(*seconds) * time.Second
	}
	hurry, cancel := context.WithCancel(p.manager.ctx)
	defer cancel()
	go func() {
		select {
		case <-p.gone:
			cancel()
		case <-hurry.Done():
		}
	}()
	var stopping sync.WaitGroup
	for _, c := range p.all() {
		stopping.Go(func() { c.stopWithin(hurry, grace) })
	}
	stopping.Wait()
}

// release writes the last status and lets the API server remove the object.
func (p *pod) release() {
	ctx, cancel := context.WithTimeout(p.manager.ctx, 10*time.Second)
	defer cancel()
	object := p.snapshot()
	if object.DeletionTimestamp == nil {
		return
	}
	select {
	case <-p.gone:
		return
	default:
	}
	if err := p.writeStatus(ctx); err != nil && !apierrors.IsNotFound(err) {
		log.Printf("last status of %s: %v", p.describe(), err)
	}
	now := int64(0)
	err := p.manager.client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name, meta.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      meta.NewUIDPreconditions(string(p.uid)),
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		log.Printf("removing %s: %v", p.describe(), err)
	}
}

func (p *pod) describe() string {
	object := p.snapshot()
	return "pod " + object.Namespace + "/" + object.Name
}
