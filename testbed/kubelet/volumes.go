package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// volumeFile is one file of a secret, configMap, downwardAPI or projected volume.
type volumeFile struct {
	path string
	data []byte
	mode *int32
}

// makeVolumes writes the pod's volumes to its folder. Contents are those of
// the moment; they are not refreshed when a Secret changes.
func (p *pod) makeVolumes(ctx context.Context) error {
	object := p.snapshot()
	for _, volume := range object.Spec.Volumes {
		if err := p.makeVolume(ctx, object, volume); err != nil {
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
	}
	return nil
}

func (p *pod) makeVolume(ctx context.Context, object *core.Pod, volume core.Volume) error {
	folder := p.volumeDir(volume.Name)
	var files []volumeFile
	var mode *int32
	var err error
	switch {
	case volume.EmptyDir != nil:
		return makeShared(folder)
	case volume.HostPath != nil:
		return makeHostPath(volume.HostPath)
	case volume.Secret != nil:
		source := volume.Secret
		mode = source.DefaultMode
		files, err = fromData(p.secret(ctx, source.SecretName, source.Optional))(source.Items, source.Optional)
	case volume.ConfigMap != nil:
		source := volume.ConfigMap
		mode = source.DefaultMode
		files, err = fromData(p.configMap(ctx, source.Name, source.Optional))(source.Items, source.Optional)
	case volume.DownwardAPI != nil:
		mode = volume.DownwardAPI.DefaultMode
		files, err = p.downwardFiles(object, volume.DownwardAPI.Items)
	case volume.Projected != nil:
		mode = volume.Projected.DefaultMode
		for _, source := range volume.Projected.Sources {
			more, failure := p.projectedFiles(ctx, object, source)
			if failure != nil {
				return failure
			}
			files = append(files, more...)
		}
	default:
		return fmt.Errorf("this kind of volume is not supported here")
	}
	if err != nil {
		return err
	}
	return writeFiles(folder, files, mode)
}

func (p *pod) projectedFiles(ctx context.Context, object *core.Pod, source core.VolumeProjection) ([]volumeFile, error) {
	switch {
	case source.ServiceAccountToken != nil:
		token, err := p.requestToken(ctx, object, source.ServiceAccountToken)
		return []volumeFile{{path: source.ServiceAccountToken.Path, data: []byte(token)}}, err
	case source.Secret != nil:
		s := source.Secret
		return fromData(p.secret(ctx, s.Name, s.Optional))(s.Items, s.Optional)
	case source.ConfigMap != nil:
		s := source.ConfigMap
		return fromData(p.configMap(ctx, s.Name, s.Optional))(s.Items, s.Optional)
	case source.DownwardAPI != nil:
		return p.downwardFiles(object, source.DownwardAPI.Items)
	}
	return nil, fmt.Errorf("this projected source is not supported here")
}

// requestToken gets a token bound to this pod: it stops working when the pod
// object is deleted.
func (p *pod) requestToken(ctx context.Context, object *core.Pod, source *core.ServiceAccountTokenProjection) (string, error) {
	request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef: &authentication.BoundObjectReference{
			APIVersion: "v1", Kind: "Pod", Name: object.Name, UID: object.UID,
		},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	accounts := p.manager.client.CoreV1().ServiceAccounts(object.Namespace)
	answer, err := accounts.CreateToken(ctx, object.Spec.ServiceAccountName, request, meta.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

func (p *pod) downwardFiles(object *core.Pod, items []core.DownwardAPIVolumeFile) ([]volumeFile, error) {
	var files []volumeFile
	for _, item := range items {
		var value string
		var err error
		switch {
		case item.FieldRef != nil:
			value, err = p.field(object, item.FieldRef.FieldPath)
		case item.ResourceFieldRef != nil:
			value, err = resource.ExtractResourceValueByContainerName(item.ResourceFieldRef, object, item.ResourceFieldRef.ContainerName)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, volumeFile{item.Path, []byte(value), item.Mode})
	}
	return files, nil
}

// fromData turns keys into files: all of them, or the listed items.
func fromData(data map[string][]byte, err error) func([]core.KeyToPath, *bool) ([]volumeFile, error) {
	return func(items []core.KeyToPath, optional *bool) ([]volumeFile, error) {
		var files []volumeFile
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			for key, value := range data {
				files = append(files, volumeFile{path: key, data: value})
			}
		}
		for _, item := range items {
			value, present := data[item.Key]
			if !present && (optional == nil || !*optional) {
				return nil, fmt.Errorf("references non-existent key: %s", item.Key)
			}
			if present {
				files = append(files, volumeFile{item.Path, value, item.Mode})
			}
		}
		return files, nil
	}
}

func writeFiles(folder string, files []volumeFile, defaultMode *int32) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		mode := os.FileMode(0o644)
		if chosen := cmpOr(file.mode, defaultMode); chosen != nil {
			mode = os.FileMode(*chosen)
		}
		path := filepath.Join(folder, filepath.Clean("/"+file.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, file.data, mode); err != nil {
			return err
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
	}
	return nil
}

func cmpOr(first, second *int32) *int32 {
	if first != nil {
		return first
	}
	return second
}

// makeShared makes a folder that every user of the pod can write to, whatever the umask.
func makeShared(folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	return os.Chmod(folder, 0o777)
}

func makeHostPath(source *core.HostPathVolumeSource) error {
	kind := core.HostPathUnset
	if source.Type != nil {
		kind = *source.Type
	}
	if kind == core.HostPathDirectoryOrCreate {
		return os.MkdirAll(source.Path, 0o755)
	}
	_, err := os.Stat(source.Path)
	return err
}

func (p *pod) volumeDir(name string) string { return filepath.Join(p.dir, "volumes", name) }

// mounts pairs the container's volume mounts with folders of this machine.
func (c *container) mounts(object *core.Pod, variables map[string]string) ([]mount, error) {
	var mounts []mount
	for _, wanted := range c.spec.VolumeMounts {
		index := slices.IndexFunc(object.Spec.Volumes, func(v core.Volume) bool { return v.Name == wanted.Name })
		if index < 0 {
			return nil, fmt.Errorf("there is no volume %q", wanted.Name)
		}
		volume := object.Spec.Volumes[index]
		source := c.pod.volumeDir(volume.Name)
		if volume.HostPath != nil {
			source = volume.HostPath.Path
		}
		subPath := wanted.SubPath
		if wanted.SubPathExpr != "" {
			subPath = expansion.Expand(wanted.SubPathExpr, expansion.MappingFuncFor(variables))
		}
		source = filepath.Join(source, filepath.Clean("/"+subPath))
		if _, err := os.Stat(source); os.IsNotExist(err) && subPath != "" {
			if err := makeShared(source); err != nil {
				return nil, err
			}
		}
		// What comes from the API cannot be written, as on a real node.
		generated := volume.Secret != nil || volume.ConfigMap != nil || volume.DownwardAPI != nil || volume.Projected != nil
		mounts = append(mounts, mount{Source: source, Target: wanted.MountPath, ReadOnly: wanted.ReadOnly || generated})
	}
	// Outer targets first, so that an inner one is not hidden by them.
	slices.SortStableFunc(mounts, func(a, b mount) int { return len(a.Target) - len(b.Target) })
	return mounts, nil
}
