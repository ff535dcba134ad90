package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/retry"
)

// updateSecrets reads Secrets of the namespace and writes them back with another
// annotation, count times, in the ways in which controllers do. It never names a
// value of its own.
func (p *program) updateSecrets(count int) error {
	list, err := p.client.CoreV1().Secrets(p.namespace).List(p.ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	for i := range count {
		name := list.Items[rand.IntN(len(list.Items))].Name
		if err := p.updateSecret(p.ctx, name, i); err != nil {
			return fmt.Errorf("cycle %d on %s: %w", i, name, err)
		}
	}
	return p.transcript.add("updates", count)
}

func (p *program) updateSecret(ctx context.Context, name string, i int) error {
	secrets := p.client.CoreV1().Secrets(p.namespace)
	mark := strconv.Itoa(i)
	// Many write the same Secrets on purpose: patience, not the default of four tries.
	patient := wait.Backoff{Steps: 100, Duration: 20 * time.Millisecond, Factor: 1.1, Jitter: 0.5, Cap: 500 * time.Millisecond}
	return retry.RetryOnConflict(patient, func() error {
		live, err := secrets.Get(ctx, name, meta.GetOptions{})
		if err != nil {
			return err
		}
		if live.Annotations == nil {
			live.Annotations = map[string]string{}
		}
		live.Annotations["go"] = mark
		switch i % 3 {
		case 0:
			_, err = secrets.Update(ctx, live, meta.UpdateOptions{})
		case 1:
			data := map[string]string{}
			for key, value := range live.Data {
				data[key] = base64.StdEncoding.EncodeToString(value)
			}
			patch, _ := json.Marshal(map[string]any{"data": data, "metadata": map[string]any{"annotations": live.Annotations}})
			_, err = secrets.Patch(ctx, name, types.StrategicMergePatchType, patch, meta.PatchOptions{})
		default:
			wanted := applycore.Secret(name, p.namespace).WithData(live.Data).WithAnnotations(map[string]string{"go": mark})
			_, err = secrets.Apply(ctx, wanted, meta.ApplyOptions{FieldManager: "goclient", Force: true})
		}
		return err
	})
}
