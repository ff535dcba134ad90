// Command goclient is an ordinary typed client-go program with default
// settings. It goes through the API of one namespace and prints what it saw as
// one JSON object a line, without anything that differs from run to run, so
// that a run against an API server and one through a gateway can be compared.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

type program struct {
	ctx        context.Context
	namespace  string
	client     kubernetes.Interface
	dynamic    dynamic.Interface
	metadata   metadata.Interface
	transcript *transcript
	traffic    *traffic
	seen       *seen
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig; without one, in-cluster configuration")
	namespace := flag.String("namespace", "default", "namespace to work in; it must exist and be empty")
	timeout := flag.Duration("timeout", 2*time.Minute, "time limit of the whole run")
	updates := flag.Int("secret-updates", 0, "instead: read Secrets and write them back, so many times")
	remove := flag.String("delete", "", "instead: delete this object, as KIND/NAME")
	dump := flag.Bool("dump", false, "print all that can be read in the namespace, and change nothing")
	follow := flag.Bool("follow", false, "instead: print what an informer on the ConfigMaps of all namespaces is told")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	p, err := newProgram(ctx, *kubeconfig, *namespace)
	switch {
	case err != nil:
	case *remove != "":
		err = p.remove(*remove)
	case *follow:
		err = p.follow()
	case *updates > 0:
		err = p.updateSecrets(*updates)
	case *dump:
		err = p.dump()
	default:
		err = p.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "goclient:", err)
		os.Exit(1)
	}
}

func newProgram(ctx context.Context, kubeconfig, namespace string) (*program, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	p := &program{ctx: ctx, namespace: namespace, transcript: &transcript{out: os.Stdout}, traffic: newTraffic(), seen: &seen{}}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return p.traffic.observe(next) })
	if p.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if p.dynamic, err = dynamic.NewForConfig(rest.CopyConfig(config)); err != nil {
		return nil, err
	}
	p.metadata, err = metadata.NewForConfig(rest.CopyConfig(config))
	return p, err
}

// run goes through the steps in order and stops at the first that fails.
func (p *program) run() error {
	steps := []struct {
		name string
		do   func() (any, error)
	}{
		{"discovery", p.discovery},
		{"informers", p.startInformers},
		{"create", p.create},
		{"dry run", p.dryRun},
		{"pages", p.pages},
		{"watch", p.watch},
		{"patches", p.patches},
		{"apply", p.apply},
		{"refusals", p.refusals},
		{"deployment", p.deployment},
		{"deployment update", p.updateDeployment},
		{"scale", p.scale},
		{"logs", p.logs},
		{"leader election", p.leaderElection},
		{"reviews", p.reviews},
		{"metadata only", p.metadataOnly},
		{"unstructured", p.unstructured},
		{"secrets", p.secrets},
		{"delete", p.delete},
		{"informer events", p.informerEvents},
		{"content types", p.contentTypes},
	}
	for _, step := range steps {
		result, err := step.do()
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if err := p.transcript.add(step.name, result); err != nil {
			return err
		}
	}
	return nil
}
