package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
)

const labelKey, labelValue = "testbed", "goclient"

func labels() map[string]string { return map[string]string{labelKey: labelValue} }

func labelled() meta.ListOptions { return meta.ListOptions{LabelSelector: labelKey + "=" + labelValue} }

func (p *program) configMaps() typedcore.ConfigMapInterface {
	return p.client.CoreV1().ConfigMaps(p.namespace)
}

func configMap(name string, data map[string]string) *core.ConfigMap {
	return &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: name, Labels: labels()}, Data: data}
}

// shown is what can be compared of a ConfigMap.
func shown(object *core.ConfigMap) any {
	return map[string]any{"name": object.Name, "labels": object.Labels, "annotations": object.Annotations, "data": object.Data, "binaryData": object.BinaryData}
}

func (p *program) create() (any, error) {
	var results []any
	for i := range 5 {
		wanted := configMap(fmt.Sprintf("page-%d", i), map[string]string{"number": fmt.Sprint(i), "text": "ä\n\"\u2028"})
		wanted.BinaryData = map[string][]byte{"bytes": {0, 255, byte(i)}}
		made, err := p.configMaps().Create(p.ctx, wanted, meta.CreateOptions{})
		if err != nil {
			return nil, err
		}
		results = append(results, shown(made))
	}
	return results, nil
}

func (p *program) dryRun() (any, error) {
	made, err := p.configMaps().Create(p.ctx, configMap("never", nil), meta.CreateOptions{DryRun: []string{meta.DryRunAll}})
	if err != nil {
		return nil, err
	}
	_, err = p.configMaps().Get(p.ctx, "never", meta.GetOptions{})
	return map[string]any{"made": shown(made), "then": refusal(err)}, nil
}

// pages lists with limit and continue.
func (p *program) pages() (any, error) {
	var pages [][]string
	options := labelled()
	options.Limit = 2
	for {
		list, err := p.configMaps().List(p.ctx, options)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, item := range list.Items {
			names = append(names, item.Name)
		}
		pages = append(pages, names)
		if options.Continue = list.Continue; options.Continue == "" {
			return pages, nil
		}
	}
}

// watch follows one object from its creation to its deletion.
func (p *program) watch() (any, error) {
	watching, err := p.configMaps().Watch(p.ctx, meta.SingleObject(meta.ObjectMeta{Name: "watched"}))
	if err != nil {
		return nil, err
	}
	defer watching.Stop()
	go func() {
		made, err := p.configMaps().Create(p.ctx, configMap("watched", map[string]string{"v": "1"}), meta.CreateOptions{})
		if err == nil {
			made.Data["v"] = "2"
			_, err = p.configMaps().Update(p.ctx, made, meta.UpdateOptions{})
		}
		if err == nil {
			err = p.configMaps().Delete(p.ctx, "watched", meta.DeleteOptions{})
		}
		if err != nil {
			watching.Stop()
		}
	}()
	var events []string
	for event := range watching.ResultChan() {
		object, ok := event.Object.(*core.ConfigMap)
		if !ok {
			return nil, fmt.Errorf("watch event %s with %T", event.Type, event.Object)
		}
		events = append(events, fmt.Sprintf("%s v=%s", event.Type, object.Data["v"]))
		if event.Type == "DELETED" {
			return events, nil
		}
	}
	return nil, fmt.Errorf("the watch ended after %v", events)
}

func (p *program) patches() (any, error) {
	patches := []struct {
		kind types.PatchType
		body string
	}{
		{types.StrategicMergePatchType, `{"data":{"strategic":"yes"}}`},
		{types.MergePatchType, `{"data":{"merge":"yes","number":null}}`},
		{types.JSONPatchType, `[{"op":"test","path":"/data/merge","value":"yes"},{"op":"add","path":"/data/json","value":"yes"}]`},
	}
	results := map[string]any{}
	for _, patch := range patches {
		changed, err := p.configMaps().Patch(p.ctx, "page-0", patch.kind, []byte(patch.body), meta.PatchOptions{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", patch.kind, err)
		}
		results[string(patch.kind)] = shown(changed)
	}
	return results, nil
}

// apply is server-side apply, with a conflict between two managers.
func (p *program) apply() (any, error) {
	apply := func(manager, value string, force bool) (*core.ConfigMap, error) {
		wanted := applycore.ConfigMap("applied", p.namespace).WithLabels(labels()).WithData(map[string]string{"owner": value})
		return p.configMaps().Apply(p.ctx, wanted, meta.ApplyOptions{FieldManager: manager, Force: force})
	}
	if _, err := apply("first", "first", false); err != nil {
		return nil, err
	}
	_, conflict := apply("second", "second", false)
	forced, err := apply("second", "second", true)
	if err != nil {
		return nil, err
	}
	var managers []string
	for _, entry := range forced.ManagedFields {
		managers = append(managers, fmt.Sprintf("%s %s", entry.Manager, entry.Operation))
	}
	slices.Sort(managers)
	return map[string]any{"conflict": refusal(conflict), "forced": shown(forced), "managers": managers}, nil
}

func (p *program) delete() (any, error) {
	zero, wrong := int64(0), types.UID("00000000-0000-0000-0000-000000000000")
	refused := p.configMaps().Delete(p.ctx, "page-0", meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &wrong}})
	if refused == nil {
		return nil, fmt.Errorf("a delete with a wrong UID passed")
	}
	foreground := meta.DeletePropagationForeground
	if err := p.client.AppsV1().Deployments(p.namespace).Delete(p.ctx, deploymentName, meta.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
		return nil, err
	}
	if err := p.client.CoreV1().Pods(p.namespace).Delete(p.ctx, talkerName, meta.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		return nil, err
	}
	if err := p.configMaps().DeleteCollection(p.ctx, meta.DeleteOptions{}, labelled()); err != nil {
		return nil, err
	}
	left, err := p.configMaps().List(p.ctx, labelled())
	if err != nil {
		return nil, err
	}
	err = p.until(func(ctx context.Context) (bool, error) {
		pods, err := p.client.CoreV1().Pods(p.namespace).List(ctx, meta.ListOptions{})
		return err == nil && len(pods.Items) == 0, err
	})
	return map[string]any{"configMapsLeft": len(left.Items), "podsLeft": 0}, err
}

// until polls, since controllers need their time.
func (p *program) until(done func(context.Context) (bool, error)) error {
	for {
		ok, err := done(p.ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
