package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// secrets does what a controller does with a Secret: an informer sees it, an
// update writes back all that was read, and its keys are used. The Secret
// "kept" stays, so that its values can be looked at from elsewhere; none is
// printed.
func (p *program) secrets() (any, error) {
	events := &secretEvents{seen: map[string]bool{}}
	factory := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithNamespace(p.namespace))
	informer := factory.Core().V1().Secrets().Informer()
	if _, err := informer.AddEventHandler(events); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("caches did not sync: %w", context.Cause(ctx))
	}
	client := p.client.CoreV1().Secrets(p.namespace)
	wanted := &core.Secret{
		ObjectMeta: meta.ObjectMeta{Name: "kept", Labels: labels()},
		Data:       map[string][]byte{"password": []byte("tr0ub4dor"), "bytes": {0, 255, 1}},
		StringData: map[string]string{"token": "another-tr0ub4dor"},
	}
	if _, err := client.Create(p.ctx, wanted, meta.CreateOptions{}); err != nil {
		return nil, err
	}
	for _, note := range []string{"one", "two"} {
		read, err := client.Get(p.ctx, "kept", meta.GetOptions{})
		if err != nil {
			return nil, err
		}
		read.Annotations = map[string]string{"note": note}
		if _, err := client.Update(p.ctx, read, meta.UpdateOptions{}); err != nil {
			return nil, err
		}
	}
	err := p.until(func(context.Context) (bool, error) { return events.has("updated two"), nil })
	if err != nil {
		return nil, err
	}
	list, err := client.List(p.ctx, labelled())
	if err != nil {
		return nil, err
	}
	var shown []any
	for _, secret := range list.Items {
		shown = append(shown, map[string]any{"name": secret.Name, "type": secret.Type, "keys": keysOf(secret.Data), "annotations": secret.Annotations})
	}
	return map[string]any{"secrets": shown, "added": events.has("added ")}, nil
}

func keysOf(data map[string][]byte) []string {
	var keys []string
	for key, value := range data {
		if len(value) > 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

type secretEvents struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (e *secretEvents) note(event string, object any) {
	secret, ok := object.(*core.Secret)
	if !ok || secret.Name != "kept" || len(keysOf(secret.Data)) != 3 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[event+" "+secret.Annotations["note"]] = true
}

func (e *secretEvents) has(event string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[event]
}

func (e *secretEvents) OnAdd(object any, _ bool) { e.note("added", object) }
func (e *secretEvents) OnUpdate(_, object any)   { e.note("updated", object) }
func (e *secretEvents) OnDelete(object any)      { e.note("deleted", object) }
