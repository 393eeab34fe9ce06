package main

import (
	"crypto/rand"
	"fmt"
	"time"
)

// newName returns a UUID of version 7 (RFC 9562): the name that vBrain wants for a Job. All contestants get such names.
func newName() string {
	var id [16]byte
	now := time.Now().UnixMilli()
	if _, err := rand.Read(id[6:]); err != nil {
		panic(err)
	}
	for i := range 6 {
		id[i] = byte(now >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:])
}
