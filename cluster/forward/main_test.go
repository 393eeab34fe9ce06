package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// forwardTo serves one forward to target and returns its address.
func forwardTo(t *testing.T, target string) string {
	t.Helper()
	listener := listen(t)
	go serve(listener, target)
	return listener.Addr().String()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	connection.SetDeadline(time.Now().Add(20 * time.Second))
	return connection.(*net.TCPConn)
}

func TestCarriesBothDirectionsAndHalfCloses(t *testing.T) {
	server := listen(t)
	go func() {
		connection, err := server.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		request, _ := io.ReadAll(connection) // ends only when the client's half-close arrives
		connection.Write(bytes.ToUpper(request))
	}()
	client := dial(t, forwardTo(t, server.Addr().String()))
	client.Write([]byte("question"))
	client.CloseWrite()
	answer, err := io.ReadAll(client)
	if err != nil || string(answer) != "QUESTION" {
		t.Fatalf("got %q, %v", answer, err)
	}
}

func TestCarriesLargeBodiesUnchanged(t *testing.T) {
	want := make([]byte, 8<<20)
	rand.Read(want)
	server := listen(t)
	go func() {
		connection, err := server.Accept()
		if err != nil {
			return
		}
		connection.Write(want)
		connection.Close()
	}()
	got, err := io.ReadAll(dial(t, forwardTo(t, server.Addr().String())))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
}

func TestUnreachableTargetResetsTheConnection(t *testing.T) {
	closed := listen(t)
	target := closed.Addr().String()
	closed.Close()
	_, err := io.ReadAll(dial(t, forwardTo(t, target)))
	if err == nil || !strings.Contains(err.Error(), "reset") {
		t.Fatalf("got %v, want a reset, so that nobody takes it for an empty answer", err)
	}
}

func TestAddressFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "address")
	if err := writeAddress(path, "127.0.0.1:5"); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(path); string(content) != "127.0.0.1:5\n" {
		t.Fatalf("got %q", content)
	}
}
