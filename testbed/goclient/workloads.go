package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

const (
	deploymentName = "workers"
	talkerName     = "talker"
)

func (p *program) deployment() (any, error) {
	replicas, grace := int32(2), int64(1)
	wanted := &apps.Deployment{
		ObjectMeta: meta.ObjectMeta{Name: deploymentName, Labels: labels()},
		Spec: apps.DeploymentSpec{
			Replicas: &replicas,
			Selector: &meta.LabelSelector{MatchLabels: labels()},
			Template: core.PodTemplateSpec{
				ObjectMeta: meta.ObjectMeta{Labels: labels()},
				Spec: core.PodSpec{
					TerminationGracePeriodSeconds: &grace,
					Containers:                    []core.Container{{Name: "main", Image: "pause"}},
				},
			},
		},
	}
	made, err := p.client.AppsV1().Deployments(p.namespace).Create(p.ctx, wanted, meta.CreateOptions{})
	if err != nil {
		return nil, err
	}
	ready, err := p.rolledOut(2)
	return map[string]any{"strategy": made.Spec.Strategy, "ready": ready}, err
}

// updateDeployment reads, changes and writes, again after a conflict with a controller.
func (p *program) updateDeployment() (any, error) {
	deployments := p.client.AppsV1().Deployments(p.namespace)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		current, err := deployments.Get(p.ctx, deploymentName, meta.GetOptions{})
		if err != nil {
			return err
		}
		current.Spec.Template.Spec.Containers[0].Env = []core.EnvVar{{Name: "VERSION", Value: "2"}}
		_, err = deployments.Update(p.ctx, current, meta.UpdateOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.rolledOut(2); err != nil {
		return nil, err
	}
	sets, err := p.client.AppsV1().ReplicaSets(p.namespace).List(p.ctx, labelled())
	if err != nil {
		return nil, err
	}
	var revisions []string
	for _, set := range sets.Items {
		revisions = append(revisions, fmt.Sprintf("revision %s: %d", set.Annotations["deployment.kubernetes.io/revision"], *set.Spec.Replicas))
	}
	slices.Sort(revisions)
	return revisions, nil
}

func (p *program) scale() (any, error) {
	deployments := p.client.AppsV1().Deployments(p.namespace)
	var before, after int32
	// The controller writes the status of the same object meanwhile.
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		scale, err := deployments.GetScale(p.ctx, deploymentName, meta.GetOptions{})
		if err != nil {
			return err
		}
		before = scale.Spec.Replicas
		scale.Spec.Replicas = 1
		scaled, err := deployments.UpdateScale(p.ctx, deploymentName, scale, meta.UpdateOptions{})
		if err == nil {
			after = scaled.Spec.Replicas
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	ready, err := p.rolledOut(1)
	return map[string]any{"before": before, "after": after, "ready": ready}, err
}

// rolledOut waits until exactly that many pods of the newest revision are ready.
func (p *program) rolledOut(replicas int32) (int32, error) {
	var last int32
	err := p.until(func(ctx context.Context) (bool, error) {
		d, err := p.client.AppsV1().Deployments(p.namespace).Get(ctx, deploymentName, meta.GetOptions{})
		if err != nil {
			return false, err
		}
		s := d.Status
		last = s.ReadyReplicas
		return s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == replicas && s.Replicas == replicas && s.ReadyReplicas == replicas, nil
	})
	return last, err
}

// logs reads the output of a pod that says three lines, following it to its end.
func (p *program) logs() (any, error) {
	pods := p.client.CoreV1().Pods(p.namespace)
	_, err := pods.Create(p.ctx, &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: talkerName},
		Spec: core.PodSpec{
			RestartPolicy: core.RestartPolicyNever,
			Containers: []core.Container{{
				Name: "main", Image: "shell", Command: []string{"sh", "-c"},
				Args: []string{"for i in 1 2 3; do echo line $i; sleep 0.2; done"},
			}},
		},
	}, meta.CreateOptions{})
	if err != nil {
		return nil, err
	}
	err = p.until(func(ctx context.Context) (bool, error) {
		pod, err := pods.Get(ctx, talkerName, meta.GetOptions{})
		return err == nil && pod.Status.Phase != core.PodPending, err
	})
	if err != nil {
		return nil, err
	}
	stream, err := pods.GetLogs(talkerName, &core.PodLogOptions{Follow: true}).Stream(p.ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	return string(text), err
}
