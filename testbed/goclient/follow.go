package main

import (
	"encoding/json"
	"io"
	"os"
	"sync"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// follow keeps an informer on the ConfigMaps of all namespaces and prints what
// its handlers are told, one JSON object a line, until its input ends.
func (p *program) follow() error {
	factory := informers.NewSharedInformerFactory(p.client, 0)
	informer := factory.Core().V1().ConfigMaps().Informer()
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	note := func(event string, object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		configMap, ok := object.(*core.ConfigMap)
		if !ok {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(map[string]string{"event": event, "object": configMap.Namespace + "/" + configMap.Name})
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { note("added", object) },
		UpdateFunc: func(_, object any) { note("updated", object) },
		DeleteFunc: func(object any) { note("deleted", object) },
	})
	if err != nil {
		return err
	}
	factory.StartWithContext(p.ctx)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
