package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// launchSpec describes the container's own process.
func (c *container) launchSpec(ctx context.Context) (launchSpec, error) {
	object := c.pod.snapshot()
	variables, err := c.environment(ctx, object)
	if err != nil {
		return launchSpec{}, err
	}
	mounts, err := c.mounts(object, variables)
	if err != nil {
		return launchSpec{}, err
	}
	env := make([]string, 0, len(variables))
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return launchSpec{
		Argv:     c.argv(variables),
		Env:      env,
		Dir:      c.spec.WorkingDir,
		Root:     filepath.Join(c.pod.dir, "containers", c.spec.Name),
		Hostname: object.Name,
		Mounts:   append(mounts, c.pod.manager.tools...),
		TTY:      c.spec.TTY,
		Stdin:    c.spec.Stdin,
	}, nil
}

// argv is the command line with $(NAME) references resolved. Images are only
// names here: one without a command gets a built-in program or a shell.
func (c *container) argv(variables map[string]string) []string {
	mapping := expansion.MappingFuncFor(variables)
	var argv []string
	for _, word := range append(append([]string(nil), c.spec.Command...), c.spec.Args...) {
		argv = append(argv, expansion.Expand(word, mapping))
	}
	if len(c.spec.Command) == 0 {
		if program := builtinFor(c.spec); program != nil {
			return append(program, argv...)
		}
	}
	if len(argv) == 0 {
		return []string{"sh"}
	}
	return argv
}

// environment gives the variables of the container; later sources win, so a
// pod can point KUBERNETES_SERVICE_HOST and _PORT somewhere else.
func (c *container) environment(ctx context.Context, object *core.Pod) (map[string]string, error) {
	api := c.pod.manager.api
	variables := map[string]string{
		"PATH":     toolDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOSTNAME": object.Name,
		// Not this machine's home: a kubeconfig there would shadow the pod's own identity.
		"HOME":                          "/",
		"KUBERNETES_SERVICE_HOST":       api[0],
		"KUBERNETES_SERVICE_PORT":       api[1],
		"KUBERNETES_SERVICE_PORT_HTTPS": api[1],
	}
	if c.spec.TTY {
		variables["TERM"] = "xterm"
	}
	for _, source := range c.spec.EnvFrom {
		data, err := c.pod.envSource(ctx, source)
		if err != nil {
			return nil, err
		}
		for name, value := range data {
			variables[source.Prefix+name] = string(value)
		}
	}
	for _, entry := range c.spec.Env {
		value, present, err := c.envValue(ctx, object, entry, variables)
		if err != nil {
			return nil, err
		}
		if present {
			variables[entry.Name] = value
		}
	}
	return variables, nil
}

func (p *pod) envSource(ctx context.Context, source core.EnvFromSource) (map[string][]byte, error) {
	switch {
	case source.SecretRef != nil:
		return p.secret(ctx, source.SecretRef.Name, source.SecretRef.Optional)
	case source.ConfigMapRef != nil:
		return p.configMap(ctx, source.ConfigMapRef.Name, source.ConfigMapRef.Optional)
	}
	return nil, nil
}

func (c *container) envValue(ctx context.Context, object *core.Pod, entry core.EnvVar, known map[string]string) (string, bool, error) {
	from := entry.ValueFrom
	switch {
	case from == nil:
		return expansion.Expand(entry.Value, expansion.MappingFuncFor(known)), true, nil
	case from.FieldRef != nil:
		value, err := c.pod.field(object, from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err := resource.ExtractContainerResourceValue(from.ResourceFieldRef, &c.spec)
		return value, true, err
	case from.SecretKeyRef != nil:
		data, err := c.pod.secret(ctx, from.SecretKeyRef.Name, from.SecretKeyRef.Optional)
		return pickKey(data, err, from.SecretKeyRef.Key, from.SecretKeyRef.Optional, "Secret "+from.SecretKeyRef.Name)
	case from.ConfigMapKeyRef != nil:
		data, err := c.pod.configMap(ctx, from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Optional)
		return pickKey(data, err, from.ConfigMapKeyRef.Key, from.ConfigMapKeyRef.Optional, "ConfigMap "+from.ConfigMapKeyRef.Name)
	}
	return "", false, fmt.Errorf("env %s: this source is not supported here", entry.Name)
}

func pickKey(data map[string][]byte, err error, key string, optional *bool, where string) (string, bool, error) {
	if err != nil {
		return "", false, err
	}
	value, present := data[key]
	if !present && (optional == nil || !*optional) {
		return "", false, fmt.Errorf("couldn't find key %s in %s", key, where)
	}
	return string(value), present, nil
}

// field resolves a fieldRef of the downward API.
func (p *pod) field(object *core.Pod, path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return p.manager.node, nil
	case "spec.serviceAccountName":
		return object.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs":
		return hostIP, nil
	}
	return fieldpath.ExtractFieldPathAsString(object, path)
}

// secret returns the data of a Secret of the pod's namespace; nothing when it
// is optional and missing.
func (p *pod) secret(ctx context.Context, name string, optional *bool) (map[string][]byte, error) {
	secret, err := p.manager.client.CoreV1().Secrets(p.snapshot().Namespace).Get(ctx, name, meta.GetOptions{})
	if err != nil {
		return nil, unlessOptional(err, optional)
	}
	return secret.Data, nil
}

func (p *pod) configMap(ctx context.Context, name string, optional *bool) (map[string][]byte, error) {
	configMap, err := p.manager.client.CoreV1().ConfigMaps(p.snapshot().Namespace).Get(ctx, name, meta.GetOptions{})
	if err != nil {
		return nil, unlessOptional(err, optional)
	}
	data := map[string][]byte{}
	for key, value := range configMap.Data {
		data[key] = []byte(value)
	}
	for key, value := range configMap.BinaryData {
		data[key] = value
	}
	return data, nil
}

func unlessOptional(err error, optional *bool) error {
	if optional != nil && *optional && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
