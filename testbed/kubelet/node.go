package main

import (
	"context"
	"fmt"
	"log"
	"runtime"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/version"
)

const (
	leaseSeconds = 40
	renewEvery   = 10 * time.Second
)

// node is the Node object and its heartbeat.
type node struct {
	name       string
	client     kubernetes.Interface
	port       int
	websockets bool
	launcher   string
}

func newNode(name string, client kubernetes.Interface, port int, websockets bool, l launcher) *node {
	return &node{name: name, client: client, port: port, websockets: websockets, launcher: l.name()}
}

// register creates or updates the Node, until the API server accepts it: right
// after its start it may not yet know the RBAC roles of nodes.
func (n *node) register(ctx context.Context) error {
	for {
		err := n.tryRegister(ctx)
		if err == nil {
			return nil
		}
		log.Printf("registering: %v", err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("not registered: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (n *node) tryRegister(ctx context.Context) error {
	nodes := n.client.CoreV1().Nodes()
	object, err := nodes.Create(ctx, &core.Node{ObjectMeta: meta.ObjectMeta{Name: n.name, Labels: map[string]string{
		core.LabelHostname:       n.name,
		core.LabelOSStable:       runtime.GOOS,
		core.LabelArchStable:     runtime.GOARCH,
		core.LabelTopologyZone:   "testbed-1a",
		core.LabelTopologyRegion: "testbed-1",
	}}}, meta.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		object, err = nodes.Get(ctx, n.name, meta.GetOptions{})
	}
	if err != nil {
		return err
	}
	object.Status = n.status()
	_, err = nodes.UpdateStatus(ctx, object, meta.UpdateOptions{})
	return err
}

func (n *node) status() core.NodeStatus {
	resources := core.ResourceList{
		core.ResourceCPU:              resource.MustParse("8"),
		core.ResourceMemory:           resource.MustParse("16Gi"),
		core.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		core.ResourcePods:             resource.MustParse("110"),
	}
	now := meta.Now()
	condition := func(kind core.NodeConditionType, status core.ConditionStatus, reason string) core.NodeCondition {
		return core.NodeCondition{Type: kind, Status: status, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	status := core.NodeStatus{
		Capacity:    resources,
		Allocatable: resources,
		Conditions: []core.NodeCondition{
			condition(core.NodeMemoryPressure, core.ConditionFalse, "KubeletHasSufficientMemory"),
			condition(core.NodeDiskPressure, core.ConditionFalse, "KubeletHasNoDiskPressure"),
			condition(core.NodePIDPressure, core.ConditionFalse, "KubeletHasSufficientPID"),
			condition(core.NodeReady, core.ConditionTrue, "KubeletReady"),
		},
		Addresses: []core.NodeAddress{
			{Type: core.NodeInternalIP, Address: hostIP},
			{Type: core.NodeHostName, Address: n.name},
		},
		DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: int32(n.port)}},
		NodeInfo: core.NodeSystemInfo{
			KubeletVersion:          version.Get().GitVersion,
			ContainerRuntimeVersion: "testbed-" + n.launcher + "://1",
			OperatingSystem:         runtime.GOOS,
			Architecture:            runtime.GOARCH,
			OSImage:                 "testbed",
			KernelVersion:           "unknown",
			MachineID:               n.name,
			SystemUUID:              n.name,
			BootID:                  n.name,
		},
	}
	if n.websockets {
		status.DeclaredFeatures = []string{"ExtendWebSocketsToKubelet"}
	}
	return status
}

// renewLease keeps the node controller content. A failed renewal is tried
// again soon, since 40 seconds without one mark the node as gone.
func (n *node) renewLease(ctx context.Context) {
	for {
		wait := renewEvery
		if err := n.writeLease(ctx); err != nil && ctx.Err() == nil {
			log.Printf("lease: %v", err)
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (n *node) writeLease(ctx context.Context) error {
	leases := n.client.CoordinationV1().Leases(core.NamespaceNodeLease)
	seconds, now := int32(leaseSeconds), meta.NowMicro()
	lease, err := leases.Get(ctx, n.name, meta.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordination.Lease{ObjectMeta: meta.ObjectMeta{Name: n.name}}
		lease.Spec = coordination.LeaseSpec{HolderIdentity: &n.name, LeaseDurationSeconds: &seconds, RenewTime: &now}
		_, err = leases.Create(ctx, lease, meta.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &n.name, &seconds, &now
	_, err = leases.Update(ctx, lease, meta.UpdateOptions{})
	return err
}
