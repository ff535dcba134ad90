package main

import (
	"context"
	"log"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reportLoop writes the status whenever something changed.
func (p *pod) reportLoop(ctx context.Context) {
	p.report()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
		err := p.writeStatus(ctx)
		if err == nil || ctx.Err() != nil || apierrors.IsNotFound(err) {
			continue
		}
		log.Printf("status of %s: %v", p.describe(), err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
			p.report()
		}
	}
}

// writeStatus sends the status if it differs from the last one sent. Others
// write pods too, so a conflict is answered by reading the pod again.
func (p *pod) writeStatus(ctx context.Context) error {
	object := p.snapshot()
	pods := p.manager.client.CoreV1().Pods(object.Namespace)
	for {
		wanted := p.computeStatus(object)
		if equality.Semantic.DeepEqual(wanted, p.status) {
			return nil
		}
		changed := object.DeepCopy()
		changed.Status = wanted
		_, err := pods.UpdateStatus(ctx, changed, meta.UpdateOptions{})
		if err == nil {
			p.status = wanted
			return nil
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		if object, err = pods.Get(ctx, object.Name, meta.GetOptions{}); err != nil {
			return err
		}
		if object.UID != p.uid {
			return nil // another pod has the name now
		}
	}
}

// computeStatus fills in what the node knows; the rest (quality of service
// class, conditions of others) stays as it is in the object.
func (p *pod) computeStatus(object *core.Pod) core.PodStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := *object.Status.DeepCopy()
	status.ContainerStatuses, status.InitContainerStatuses, status.EphemeralContainerStatuses = nil, nil, nil
	for _, spec := range object.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, p.containerStatus(spec))
	}
	for _, spec := range object.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, p.containerStatus(spec))
	}
	for _, spec := range object.Spec.EphemeralContainers {
		common := core.Container(spec.EphemeralContainerCommon)
		status.EphemeralContainerStatuses = append(status.EphemeralContainerStatuses, p.containerStatus(common))
	}
	status.Phase = p.phase(object)
	status.HostIP, status.PodIP = hostIP, hostIP
	status.HostIPs, status.PodIPs = []core.HostIP{{IP: hostIP}}, []core.PodIP{{IP: hostIP}}
	if status.StartTime == nil {
		now := meta.Now().Rfc3339Copy()
		status.StartTime = &now
		if p.status.StartTime != nil {
			status.StartTime = p.status.StartTime
		}
	}
	status.ObservedGeneration = object.Generation
	p.setConditions(&status)
	return status
}

// containerStatus of a container that may not have been started yet.
func (p *pod) containerStatus(spec core.Container) core.ContainerStatus {
	if c := p.lookup(spec.Name); c != nil {
		return c.status()
	}
	no := false
	reason := "PodInitializing"
	if len(p.containers) == 0 {
		reason = "ContainerCreating"
	}
	return core.ContainerStatus{
		Name: spec.Name, Image: spec.Image, Started: &no,
		State: core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: reason, Message: p.problem}},
	}
}

// phase follows the rules of the kubelet (getPhase): waiting for init is
// Pending; anything running or to be restarted is Running; else the exit
// codes decide.
func (p *pod) phase(object *core.Pod) core.PodPhase {
	if p.initFailed {
		return core.PodFailed
	}
	started, over, failed := 0, 0, 0
	for _, c := range p.containers {
		if c.role != ordinary {
			continue
		}
		if c.runs > 0 {
			started++
		}
		if c.finished {
			over++
			if c.last == nil || c.last.ExitCode != 0 {
				failed++
			}
		}
	}
	total := len(object.Spec.Containers)
	switch {
	case over == total && failed > 0:
		return core.PodFailed
	case over == total:
		return core.PodSucceeded
	case started > 0:
		return core.PodRunning
	}
	return core.PodPending
}

func (p *pod) setConditions(status *core.PodStatus) {
	over := status.Phase == core.PodSucceeded || status.Phase == core.PodFailed
	initialized, ready := len(status.ContainerStatuses) > 0, !over
	for _, each := range status.InitContainerStatuses {
		initialized = initialized && each.Ready
	}
	for _, each := range status.ContainerStatuses {
		ready = ready && each.Ready
	}
	reason := ""
	switch {
	case status.Phase == core.PodSucceeded:
		initialized, reason = true, "PodCompleted"
	case !ready:
		reason = "ContainersNotReady"
	}
	setCondition(status, core.PodReadyToStartContainers, !over && p.problem == "", "")
	setCondition(status, core.PodInitialized, initialized, "")
	setCondition(status, core.ContainersReady, ready, reason)
	setCondition(status, core.PodReady, ready, reason)
}

func setCondition(status *core.PodStatus, kind core.PodConditionType, value bool, reason string) {
	wanted := core.PodCondition{Type: kind, Status: core.ConditionFalse, Reason: reason}
	if value {
		wanted.Status, wanted.Reason = core.ConditionTrue, ""
	}
	wanted.LastTransitionTime = meta.Now().Rfc3339Copy()
	for i, current := range status.Conditions {
		if current.Type != kind {
			continue
		}
		if current.Status == wanted.Status {
			wanted.LastTransitionTime = current.LastTransitionTime
		}
		wanted.ObservedGeneration = current.ObservedGeneration
		status.Conditions[i] = wanted
		return
	}
	status.Conditions = append(status.Conditions, wanted)
}
