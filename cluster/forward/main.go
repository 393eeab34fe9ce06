// Forward carries TCP connections from the host's network namespace into the cluster's.
//
//	forward -netns /run/netns/NAME -listen 127.0.0.1:0 -target 10.254.0.1:6443 -address-file FILE
//
// The program opens the listener in the namespace in which it is started. Then it replaces itself (nsenter, same pid)
// by a copy inside the target namespace, which inherits the listener and dials from there. A socket stays in the
// namespace in which it was created, so no thread has to change namespaces. Memory is constant: at most maxConnections
// at once, each spliced in the kernel.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	maxConnections = 2048
	dialTimeout    = 10 * time.Second
	// A connection with one closed half and no traffic is closed after this time.
	halfClosedTimeout = 5 * time.Minute
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	log.SetPrefix("forward: ")
	netns := flag.String("netns", "", "path of the network namespace to connect in; empty for this one")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 lets the kernel choose")
	target := flag.String("target", "", "address to connect to, as seen inside the namespace")
	addressFile := flag.String("address-file", "", "file that receives the address listened on")
	fd := flag.Int("fd", -1, "inherited listener (used by the program itself)")
	flag.Parse()
	if _, _, err := net.SplitHostPort(*target); err != nil {
		log.Fatalf("-target: %v", err)
	}
	if *fd < 0 && *netns != "" {
		log.Fatal(enter(*netns, *listen, *target, *addressFile))
	}
	listener, err := open(*fd, *listen)
	if err != nil {
		log.Fatal(err)
	}
	if *fd < 0 {
		if err := writeAddress(*addressFile, listener.Addr().String()); err != nil {
			log.Fatal(err)
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		os.Exit(0)
	}()
	log.Printf("%s to %s", listener.Addr(), *target)
	log.Fatal(serve(listener, *target))
}

// enter opens the listener here and continues as a new program inside the namespace. It returns only on failure.
func enter(netns, listen, target, addressFile string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	// The descriptor must survive exec.
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), syscall.F_SETFD, 0); errno != 0 {
		return fmt.Errorf("fcntl: %w", errno)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	if err := writeAddress(addressFile, listener.Addr().String()); err != nil {
		return err
	}
	return syscall.Exec(nsenter, []string{"nsenter", "--net=" + netns, "--", self,
		"-fd", strconv.Itoa(int(file.Fd())), "-target", target}, os.Environ())
}

func open(fd int, address string) (net.Listener, error) {
	if fd < 0 {
		return net.Listen("tcp", address)
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	return net.FileListener(file)
}

// writeAddress writes atomically, so that a reader never sees half of the file.
func writeAddress(path, address string) error {
	if path == "" {
		return nil
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temporary, []byte(address+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func serve(listener net.Listener, target string) error {
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{} // at the limit, new connections wait in the kernel's backlog
		connection, err := listener.Accept()
		if err != nil {
			<-slots
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			log.Printf("accept: %v", err)
			time.Sleep(100 * time.Millisecond) // out of descriptors: wait until some connections have ended
			continue
		}
		go func() {
			defer func() { <-slots }()
			carry(connection.(*net.TCPConn), target)
		}()
	}
}

func carry(outside *net.TCPConn, target string) {
	defer outside.Close()
	connection, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		log.Printf("%v", err)
		_ = outside.SetLinger(0) // send a reset, so that the caller does not read this as an empty answer
		return
	}
	inside := connection.(*net.TCPConn)
	defer inside.Close()
	var both sync.WaitGroup
	both.Add(2)
	copyHalf := func(to, from *net.TCPConn) {
		defer both.Done()
		if _, err := io.Copy(to, from); err != nil {
			_ = to.SetLinger(0)
			to.Close()
			from.Close()
			return
		}
		_ = to.CloseWrite()
		_ = to.SetReadDeadline(time.Now().Add(halfClosedTimeout))
	}
	go copyHalf(inside, outside)
	copyHalf(outside, inside)
	both.Wait()
}
