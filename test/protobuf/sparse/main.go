// Writes half-empty objects of every registered kind, as Go itself encodes them: one a line, protobuf (base64), a
// tab, JSON. The fully populated testdata of k8s.io/api cannot show what absence means; these do.
// Run from a module that has the Kubernetes API modules: go run ../test/protobuf/sparse <seed> <objects per kind>
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var random *rand.Rand

// fill sets about a third of what is below v; special types get values that their own JSON methods accept.
func fill(v reflect.Value, depth int) {
	switch value := v.Addr().Interface().(type) {
	case *metav1.TypeMeta:
		return
	case *metav1.Time:
		if random.Intn(3) == 0 {
			*value = metav1.Unix(random.Int63n(4_000_000_000)-1_000_000_000, 0)
		}
		return
	case *metav1.MicroTime:
		if random.Intn(3) == 0 {
			*value = metav1.NewMicroTime(time.Unix(random.Int63n(4_000_000_000), random.Int63n(1_000_000)*1000))
		}
		return
	case *metav1.Duration:
		value.Duration = time.Duration(random.Int63n(1<<uint(random.Intn(50)+1)) - 1000)
		return
	case *resource.Quantity:
		if random.Intn(3) > 0 {
			*value = resource.MustParse([]string{"0", "1", "100m", "1500m", "2Gi", "1e3", "12345678901234567890"}[random.Intn(7)])
		}
		return
	case *intstr.IntOrString:
		*value = []intstr.IntOrString{{}, intstr.FromInt32(-7), intstr.FromInt32(80), intstr.FromString(""), intstr.FromString("25%")}[random.Intn(5)]
		return
	case *metav1.FieldsV1:
		if random.Intn(2) == 0 {
			*value = *metav1.NewFieldsV1(`{"f:a":{".":{},"f:b":{}}}`)
		}
		return
	case *runtime.RawExtension:
		if random.Intn(2) == 0 {
			value.Raw = []byte(`{"a":[1,9007199254740993,"\u00e9"]}`)
		}
		return
	case *apiextensions.JSON:
		value.Raw = []byte([]string{`1`, `"x"`, `{"a":null}`, `[true]`}[random.Intn(4)])
		return
	}
	present := random.Intn(3) == 0
	switch v.Kind() {
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Field(i).CanSet() && v.Field(i).Kind() != reflect.Interface {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		if present && depth < 24 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if !present || depth > 24 {
			return
		}
		n := random.Intn(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := 0; i < n; i++ {
			fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		if !present || depth > 24 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for i := random.Intn(3); i > 0; i-- {
			key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.SetString([]string{"", "z", "a/b", "é", "A", "\U0001F600", "\uFFFD"}[random.Intn(7)])
			fill(item, depth+1)
			v.SetMapIndex(key, item)
		}
	case reflect.String:
		if present {
			v.SetString([]string{"a", "x<&>\u2028", "\"\\\n\x00", "é\U0001F600"}[random.Intn(4)])
		}
	case reflect.Bool:
		v.SetBool(present)
	case reflect.Int32:
		if present {
			v.SetInt(int64(int32(random.Uint32())))
		}
	case reflect.Int64:
		if present {
			v.SetInt(int64(random.Uint64()) >> uint(random.Intn(60)))
		}
	case reflect.Uint8:
		v.SetUint(uint64(random.Intn(256)))
	case reflect.Float64:
		if present {
			v.SetFloat(random.NormFloat64() * 1e6)
		}
	default:
		panic(fmt.Sprintf("no rule for %s", v.Type()))
	}
}

func main() {
	seed, _ := strconv.ParseInt(os.Args[1], 10, 64)
	each, _ := strconv.Atoi(os.Args[2])
	random = rand.New(rand.NewSource(seed))
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme} {
		if err := add(all); err != nil {
			panic(err)
		}
	}
	var kinds []schema.GroupVersionKind
	for gvk := range all.AllKnownTypes() {
		// Internal versions never travel, and of the options only DeleteOptions is ever a body.
		isOptions := strings.HasSuffix(gvk.Kind, "Options") && gvk.Kind != "DeleteOptions"
		if gvk.Version != runtime.APIVersionInternal && gvk.Kind != "WatchEvent" && !isOptions {
			kinds = append(kinds, gvk)
		}
	}
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].String() < kinds[j].String() })
	toProtobuf := protobuf.NewSerializer(all, all)
	toJSON := jsonserializer.NewSerializerWithOptions(jsonserializer.DefaultMetaFactory, all, all, jsonserializer.SerializerOptions{})
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, gvk := range kinds {
		for i := 0; i < each; i++ {
			object, err := all.New(gvk)
			if err != nil {
				panic(err)
			}
			if i > 0 {
				fill(reflect.ValueOf(object).Elem(), 0)
			}
			object.GetObjectKind().SetGroupVersionKind(gvk)
			var wire bytes.Buffer
			if err := toProtobuf.Encode(object, &wire); err != nil {
				continue // not every kind of the scheme has a protobuf form
			}
			// JSON of what a decoder makes of the bytes: an empty slice does not survive the wire.
			again, _, err := toProtobuf.Decode(wire.Bytes(), nil, nil)
			if err != nil {
				panic(fmt.Sprintf("%s: %v", gvk, err))
			}
			again.GetObjectKind().SetGroupVersionKind(gvk)
			var text bytes.Buffer
			if err := toJSON.Encode(again, &text); err != nil {
				panic(fmt.Sprintf("%s: %v", gvk, err))
			}
			fmt.Fprintf(out, "%s\t%s\n", base64.StdEncoding.EncodeToString(wire.Bytes()), bytes.TrimSpace(text.Bytes()))
		}
	}
}
