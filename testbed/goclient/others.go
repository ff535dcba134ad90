package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func (p *program) discovery() (any, error) {
	version, err := p.client.Discovery().ServerVersion()
	if err != nil {
		return nil, err
	}
	groups, resources, err := p.client.Discovery().ServerGroupsAndResources()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, group := range groups {
		names = append(names, group.Name+" "+group.PreferredVersion.Version)
	}
	slices.Sort(names)
	total := 0
	for _, list := range resources {
		total += len(list.APIResources)
	}
	return map[string]any{"version": version.GitVersion, "groups": names, "resources": total}, nil
}

// refusals are errors that programs look at by reason.
func (p *program) refusals() (any, error) {
	_, missing := p.configMaps().Get(p.ctx, "missing", meta.GetOptions{})
	_, twice := p.configMaps().Create(p.ctx, configMap("page-1", nil), meta.CreateOptions{})
	_, invalid := p.configMaps().Create(p.ctx, configMap("Not_A_Name", nil), meta.CreateOptions{})
	old := configMap("page-1", map[string]string{"v": "old"})
	old.ResourceVersion = "1"
	_, conflict := p.configMaps().Update(p.ctx, old, meta.UpdateOptions{})
	results := map[string]any{}
	for name, err := range map[string]error{"missing": missing, "twice": twice, "invalid": invalid, "conflict": conflict} {
		if err == nil {
			return nil, fmt.Errorf("%s: no error", name)
		}
		results[name] = refusal(err)
	}
	return results, nil
}

// leaderElection takes a Lease, renews it and gives it back.
func (p *program) leaderElection() (any, error) {
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  meta.ObjectMeta{Namespace: p.namespace, Name: "leader"},
		Client:     p.client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: "goclient"},
	}
	var led atomic.Bool
	var renewed bool
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, ReleaseOnCancel: true,
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 500 * time.Millisecond,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) {
				led.Store(true)
				renewed = p.renewedOnce()
				stop()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return nil, err
	}
	elector.Run(ctx)
	leases := p.client.CoordinationV1().Leases(p.namespace)
	lease, err := leases.Get(p.ctx, "leader", meta.GetOptions{})
	if err != nil {
		return nil, err
	}
	holder := ""
	if lease.Spec.HolderIdentity != nil {
		holder = *lease.Spec.HolderIdentity
	}
	err = leases.Delete(p.ctx, "leader", meta.DeleteOptions{})
	return map[string]any{"led": led.Load(), "renewed": renewed, "holderAfterRelease": holder}, err
}

func (p *program) renewedOnce() bool {
	leases := p.client.CoordinationV1().Leases(p.namespace)
	first, err := leases.Get(p.ctx, "leader", meta.GetOptions{})
	if err != nil {
		return false
	}
	return p.until(func(ctx context.Context) (bool, error) {
		now, err := leases.Get(ctx, "leader", meta.GetOptions{})
		return err == nil && now.Spec.RenewTime.After(first.Spec.RenewTime.Time), err
	}) == nil
}

// reviews ask for rights, and for a token of the default service account.
func (p *program) reviews() (any, error) {
	review, err := p.client.AuthorizationV1().SelfSubjectAccessReviews().Create(p.ctx, &authorization.SelfSubjectAccessReview{
		Spec: authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorization.ResourceAttributes{
			Namespace: p.namespace, Verb: "list", Resource: "configmaps",
		}},
	}, meta.CreateOptions{})
	if err != nil {
		return nil, err
	}
	seconds := int64(600)
	token, err := p.client.CoreV1().ServiceAccounts(p.namespace).CreateToken(p.ctx, "default", &authentication.TokenRequest{
		Spec: authentication.TokenRequestSpec{Audiences: []string{"testbed"}, ExpirationSeconds: &seconds},
	}, meta.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"listConfigMaps": review.Status.Allowed, "token": token.Status.Token != "", "audiences": token.Spec.Audiences}, nil
}

func (p *program) metadataOnly() (any, error) {
	list, err := p.metadata.Resource(core.SchemeGroupVersion.WithResource("configmaps")).Namespace(p.namespace).List(p.ctx, labelled())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, item := range list.Items {
		// Not the kind: JSON repeats it in each item, protobuf leaves it out.
		names = append(names, item.Name)
	}
	return names, nil
}

// unstructured reads JSON, as programs for custom resources do.
func (p *program) unstructured() (any, error) {
	resource := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	list, err := p.dynamic.Resource(resource).Namespace(p.namespace).List(p.ctx, meta.ListOptions{})
	if err != nil {
		return nil, err
	}
	var specs []any
	for _, item := range list.Items {
		specs = append(specs, item.Object["spec"])
	}
	return specs, nil
}
