package main

import (
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// runInformers caches all vBrain Jobs and all pods of a namespace, as a controller written with client-go does, writes a
// file when the caches are filled, and ends with SIGTERM. Its memory is the measure.
func runInformers(arguments []string) (any, error) {
	flags := flag.NewFlagSet("informers", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "file with the address and the credentials of the API server")
	namespace := flags.String("namespace", "", "namespace of the objects")
	ready := flags.String("ready-file", "", "file that is created when the caches are filled")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	custom, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf" // as kube-controller-manager reads built-in kinds
	builtin, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	jobs := dynamicinformer.NewFilteredDynamicSharedInformerFactory(custom, 10*time.Hour, *namespace, nil)
	jobs.ForResource(schema.GroupVersionResource{Group: "vbrain.visagio.com", Version: "v1", Resource: "jobs"}).Informer()
	pods := informers.NewSharedInformerFactoryWithOptions(builtin, 10*time.Hour, informers.WithNamespace(*namespace))
	pods.Core().V1().Pods().Informer()
	jobs.Start(stop)
	pods.Start(stop)
	jobs.WaitForCacheSync(stop)
	pods.WaitForCacheSync(stop)
	if err := os.WriteFile(*ready, nil, 0o644); err != nil {
		return nil, err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	close(stop)
	return nil, nil
}
