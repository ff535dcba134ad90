package main

import (
	"fmt"
	"strings"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// remove deletes one object, as a controller or a script would: one call, and whatever client-go does about its answer.
func (p *program) remove(what string) error {
	kind, name, _ := strings.Cut(what, "/")
	core, options := p.client.CoreV1(), meta.DeleteOptions{}
	var err error
	switch kind {
	case "namespace":
		err = core.Namespaces().Delete(p.ctx, name, options)
	case "configmap":
		err = core.ConfigMaps(p.namespace).Delete(p.ctx, name, options)
	case "limitrange":
		err = core.LimitRanges(p.namespace).Delete(p.ctx, name, options)
	default:
		err = fmt.Errorf("%q is none of namespace/NAME, configmap/NAME, limitrange/NAME", what)
	}
	if err != nil {
		return err
	}
	return p.transcript.add("deleted", what)
}
