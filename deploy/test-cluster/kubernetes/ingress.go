package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/klog/v2"
)

// ingress is a small ingress controller. Like the usual ones, it terminates TLS with the Secret of the Ingress, routes by host
// and path, and sends requests to the ready pods in turn, and not to the address of the Service.
type ingress struct {
	ingresses networkinglisters.IngressLister
	slices    discoverylisters.EndpointSliceLister
	secrets   corelisters.SecretLister
	turn      atomic.Uint64
	transport http.Transport
	own       tls.Certificate
}

func controlIngress() {
	kubeconfig := flag.String("kubeconfig", "", "the kubeconfig of the API server; not needed in a pod")
	plain := flag.String("http", ":8080", "the address for HTTP")
	secure := flag.String("https", ":8443", "the address for HTTPS")
	certificate := flag.String("certificate", "", "the certificate for hosts without their own")
	key := flag.String("key", "", "the key of this certificate")
	klog.InitFlags(nil)
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	factory := informers.NewSharedInformerFactory(clientOf(*kubeconfig), 0)
	controller := &ingress{
		ingresses: factory.Networking().V1().Ingresses().Lister(),
		slices:    factory.Discovery().V1().EndpointSlices().Lister(),
		secrets:   factory.Core().V1().Secrets().Lister(),
	}
	controller.transport.MaxIdleConnsPerHost = 64
	// ingress-nginx keeps an idle connection to a pod for the same time.
	controller.transport.IdleConnTimeout = time.Minute
	controller.transport.DialContext = (&net.Dialer{Timeout: time.Second}).DialContext
	if *certificate != "" {
		own, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			klog.Fatal(err)
		}
		controller.own = own
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL.Scheme = "http"
			request.Out.Host = request.In.Host
			request.SetXForwarded()
		},
		Transport: controller,
		ErrorHandler: func(answer http.ResponseWriter, request *http.Request, err error) {
			klog.Warningf("%s %s: %v", request.Method, request.URL.Path, err)
			http.Error(answer, "ingress: "+err.Error(), http.StatusBadGateway)
		},
	}
	servers := []*http.Server{
		{Addr: *plain, Handler: proxy},
		{Addr: *secure, Handler: proxy, TLSConfig: &tls.Config{GetCertificate: controller.certificate}},
	}
	go func() { klog.Info(servers[0].ListenAndServe()) }()
	go func() { klog.Info(servers[1].ListenAndServeTLS("", "")) }()
	<-ctx.Done()
	for _, server := range servers {
		_ = server.Shutdown(context.Background())
	}
}

// RoundTrip sends the request to the next pod. If the connection fails, nothing was sent, so it tries another pod.
func (c *ingress) RoundTrip(request *http.Request) (*http.Response, error) {
	pods, err := c.pods(request)
	if err != nil {
		return nil, err
	}
	// A failed connection has read nothing from the body, but closes it.
	if request.Body != nil {
		request.Body = io.NopCloser(request.Body)
	}
	first := c.turn.Add(1)
	for try := range pods {
		request.URL.Host = pods[(first+uint64(try))%uint64(len(pods))]
		var answer *http.Response
		answer, err = c.transport.RoundTrip(request)
		var refused *net.OpError
		if err == nil || !errors.As(err, &refused) || refused.Op != "dial" {
			return answer, err
		}
	}
	return nil, err
}

// pods returns the addresses of the ready pods to which an Ingress routes the request.
func (c *ingress) pods(request *http.Request) ([]string, error) {
	host := request.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	all, err := c.ingresses.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		for _, rule := range one.Spec.Rules {
			if rule.Host != "" && rule.Host != host || rule.HTTP == nil {
				continue
			}
			for _, path := range rule.HTTP.Paths {
				if strings.HasPrefix(request.URL.Path, path.Path) && path.Backend.Service != nil {
					return c.ready(one.Namespace, path.Backend.Service)
				}
			}
		}
	}
	return nil, fmt.Errorf("no Ingress for %s%s", host, request.URL.Path)
}

func (c *ingress) ready(namespace string, service *networking.IngressServiceBackend) ([]string, error) {
	slices, err := c.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discovery.LabelServiceName: service.Name}))
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, slice := range slices {
		for _, port := range slice.Ports {
			if *port.Name != service.Port.Name && service.Port.Name != "" {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
					addresses = append(addresses, fmt.Sprintf("%s:%d", endpoint.Addresses[0], *port.Port))
				}
			}
		}
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("no ready pod behind %s/%s", namespace, service.Name)
	}
	return addresses, nil
}

func (c *ingress) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	all, err := c.ingresses.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		for _, entry := range one.Spec.TLS {
			for _, host := range entry.Hosts {
				if host != hello.ServerName {
					continue
				}
				secret, err := c.secrets.Secrets(one.Namespace).Get(entry.SecretName)
				if err != nil {
					break
				}
				pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
				return &pair, err
			}
		}
	}
	return &c.own, nil
}
