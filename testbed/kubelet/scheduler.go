package main

import (
	"context"
	"log"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// bindUnassigned stands in for the scheduler: each pod without a node (and
// without scheduling gates) goes to this one, whatever its constraints say.
func bindUnassigned(ctx context.Context, client kubernetes.Interface, node string) {
	unassigned := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", core.NamespaceAll,
		fields.OneTermEqualSelector("spec.nodeName", ""))
	bind := func(object any) {
		pod := object.(*core.Pod)
		if pod.DeletionTimestamp == nil && len(pod.Spec.SchedulingGates) == 0 {
			go bindPod(ctx, client, pod, node)
		}
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: unassigned,
		ObjectType:    &core.Pod{},
		Handler:       cache.ResourceEventHandlerFuncs{AddFunc: bind, UpdateFunc: func(_, object any) { bind(object) }},
	})
	controller.RunWithContext(ctx)
}

func bindPod(ctx context.Context, client kubernetes.Interface, pod *core.Pod, node string) {
	binding := &core.Binding{
		ObjectMeta: meta.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     core.ObjectReference{Kind: "Node", Name: node},
	}
	for ctx.Err() == nil {
		err := client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, meta.CreateOptions{})
		// Conflict: bound already, by an earlier event of the same pod.
		if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return
		}
		log.Printf("binding %s/%s: %v", pod.Namespace, pod.Name, err)
		time.Sleep(200 * time.Millisecond)
	}
}
