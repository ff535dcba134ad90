// Command fsck checks logs, proofs and witnesses with Tessera's own code: an implementation of the formats that is not
// ours. It exits 0 when root and tiles follow from the entries (a proof holds, a witness cosigns), 1 when not.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// Tessera retries a damaged resource for ever, so the check has a limit.
const limit = 5 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "key":
		return makeKey(args[1])
	case len(args) == 2:
		return check(args[0], args[1])
	case len(args) == 4 && args[0] == "proof":
		return checkProof(args[1], args[2], args[3])
	case len(args) == 5 && args[0] == "grow":
		return growLog(args[1], args[2], args[3], args[4])
	}
	fmt.Fprintln(os.Stderr, "usage: fsck DIRECTORY VKEY-FILE | fsck key NAME | fsck proof FILE LOG-KEY WITNESS-KEY | fsck grow DIRECTORY SIGNER WITNESS-KEY URL")
	os.Exit(2)
	return nil
}

func check(directory, keyFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	fetcher := &client.FileFetcher{Root: directory}
	return fsck.New(verifier.Name(), verifier, fetcher, leafHashes, fsck.Opts{N: 2}).Check(ctx)
}

func leafHashes(bundle []byte) ([][]byte, error) {
	entries := &api.EntryBundle{}
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(entries.Entries))
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
