package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// server is the API server of a kubeconfig. It limits no rates: the load decides how many requests are made.
type server struct {
	config *rest.Config
	tls    *tls.Config
}

func openServer(kubeconfig string) (*server, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	secure, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	return &server{config: config, tls: secure}, nil
}

// connection returns a client that uses one connection of its own. client-go would share one HTTP/2 connection.
func (s *server) connection() *http.Client {
	return oneConnection(s.tls)
}

func oneConnection(secure *tls.Config) *http.Client {
	transport := &http.Transport{
		MaxIdleConns:        1,
		MaxConnsPerHost:     1,
		IdleConnTimeout:     time.Minute,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1
		TLSHandshakeTimeout: time.Minute,
		DisableCompression:  true,
	}
	if secure != nil {
		transport.TLSClientConfig = secure.Clone()
	}
	return &http.Client{Transport: transport}
}

// send makes a request and reads the whole answer, so that the connection can be used again.
func send(client *http.Client, method, url string, headers map[string]string, body []byte) (int, []byte, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	return answer.StatusCode, text, nil
}

func shorten(text []byte) string {
	if len(text) > 300 {
		text = text[:300]
	}
	return string(text)
}
