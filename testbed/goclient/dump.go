package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// dump prints everything that typed, dynamic and metadata clients and informers
// can read in the namespace: one JSON value after the other.
func (p *program) dump() error {
	out := json.NewEncoder(os.Stdout)
	for _, read := range []func() (any, error){
		func() (any, error) { return p.client.CoreV1().Secrets(p.namespace).List(p.ctx, meta.ListOptions{}) },
		func() (any, error) {
			return p.client.CoreV1().ConfigMaps(p.namespace).List(p.ctx, meta.ListOptions{Limit: 7})
		},
		func() (any, error) { return p.client.CoreV1().Pods(p.namespace).List(p.ctx, meta.ListOptions{}) },
		func() (any, error) { return p.client.CoreV1().Events(p.namespace).List(p.ctx, meta.ListOptions{}) },
		func() (any, error) { return p.client.EventsV1().Events(p.namespace).List(p.ctx, meta.ListOptions{}) },
		func() (any, error) { return p.client.AppsV1().Deployments(p.namespace).List(p.ctx, meta.ListOptions{}) },
		func() (any, error) { return p.dynamicList("gadgets") },
		func() (any, error) { return p.dynamicList("vaults") },
		p.metadataOfSecrets,
		p.cached,
		p.followed,
	} {
		object, err := read()
		if err != nil {
			return err
		}
		if err := out.Encode(object); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) dynamicList(resource string) (any, error) {
	kind := schema.GroupVersionResource{Group: "leaks.example.com", Version: "v1", Resource: resource}
	return p.dynamic.Resource(kind).Namespace(p.namespace).List(p.ctx, meta.ListOptions{})
}

func (p *program) metadataOfSecrets() (any, error) {
	kind := core.SchemeGroupVersion.WithResource("secrets")
	return p.metadata.Resource(kind).Namespace(p.namespace).List(p.ctx, meta.ListOptions{})
}

// cached is what informers hold: they read by WatchList.
func (p *program) cached() (any, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithNamespace(p.namespace))
	secrets := factory.Core().V1().Secrets().Informer()
	configMaps := factory.Core().V1().ConfigMaps().Informer()
	factory.StartWithContext(p.ctx)
	if !cache.WaitForCacheSync(p.ctx.Done(), secrets.HasSynced, configMaps.HasSynced) {
		return nil, fmt.Errorf("caches did not sync: %w", context.Cause(p.ctx))
	}
	return append(secrets.GetStore().List(), configMaps.GetStore().List()...), nil
}

func (p *program) followed() (any, error) {
	stream, err := p.client.CoreV1().Pods(p.namespace).GetLogs("talker", &core.PodLogOptions{}).Stream(p.ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }()
	text, err := io.ReadAll(stream)
	return string(text), err
}
