// Command helm is Helm 4 as its users know it. It is a module of its own, so that what Helm needs does not choose the
// versions of the cluster's parts.
package main

import (
	"errors"
	"fmt"
	"os"

	helm "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

func main() {
	// The name under which fields are managed must not depend on how this program is called.
	kube.ManagedFieldsManager = "helm"
	command, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err != nil {
		fmt.Fprintln(os.Stderr, "helm:", err)
		os.Exit(1)
	}
	if err := command.Execute(); err != nil {
		if known, ok := errors.AsType[helm.CommandError](err); ok {
			os.Exit(known.ExitCode)
		}
		os.Exit(1)
	}
}
