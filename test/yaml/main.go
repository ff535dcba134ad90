// Prints what kube-apiserver's YAML reader makes of each line of standard input (a JSON string that holds a YAML
// document): the JSON, or "error". Run from a module that has sigs.k8s.io/yaml.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var document string
		if err := json.Unmarshal(in.Bytes(), &document); err != nil {
			panic(err)
		}
		result, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			result = []byte("error")
		}
		fmt.Fprintf(out, "%s\n", result)
	}
}
