package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// seen collects what the informers' handlers were told.
type seen struct {
	mu     sync.Mutex
	events map[string]bool
	pods   [2]int // added, deleted
}

// startInformers starts shared informers as a controller does; with current
// client-go they read by WatchList.
func (p *program) startInformers() (any, error) {
	p.seen.events = map[string]bool{}
	factory := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithNamespace(p.namespace))
	configMaps := factory.Core().V1().ConfigMaps().Informer()
	pods := factory.Core().V1().Pods().Informer()
	if _, err := configMaps.AddEventHandler(p.seen.configMapHandler()); err != nil {
		return nil, err
	}
	if _, err := pods.AddEventHandler(p.seen.podHandler()); err != nil {
		return nil, err
	}
	factory.StartWithContext(p.ctx)
	if !cache.WaitForCacheSync(p.ctx.Done(), configMaps.HasSynced, pods.HasSynced) {
		return nil, fmt.Errorf("caches did not sync: %w", context.Cause(p.ctx))
	}
	return "synced", nil
}

func (s *seen) configMapHandler() cache.ResourceEventHandler {
	note := func(event string, object any) {
		if configMap, ok := object.(*core.ConfigMap); ok && configMap.Labels[labelKey] == labelValue {
			s.mu.Lock()
			s.events[event+" "+configMap.Name] = true
			s.mu.Unlock()
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { note("added", object) },
		UpdateFunc: func(_, object any) { note("updated", object) },
		DeleteFunc: func(object any) { note("deleted", object) },
	}
}

func (s *seen) podHandler() cache.ResourceEventHandler {
	count := func(which int) func(any) {
		return func(any) {
			s.mu.Lock()
			s.pods[which]++
			s.mu.Unlock()
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: count(0), DeleteFunc: count(1)}
}

// informerEvents waits for the last deletions to come in. How many pods a
// rollout makes is not fixed, but all of them must have gone again.
func (p *program) informerEvents() (any, error) {
	s := p.seen
	err := p.until(func(context.Context) (bool, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.events["deleted applied"] && s.events["deleted page-4"] && s.pods[0] == s.pods[1], nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	events := sortedKeys(s.events)
	// An informer may see a short-lived object or not.
	events = slices.DeleteFunc(events, func(event string) bool {
		return event == "added watched" || event == "updated watched" || event == "deleted watched"
	})
	return map[string]any{"configMaps": events, "sawPods": s.pods[0] >= 4}, nil
}
