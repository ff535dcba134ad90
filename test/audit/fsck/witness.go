package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// checkProof opens a tlog-proof with the keys of log and witness: signatures, then the way from leaf to root. It
// prints the time of the cosignature.
func checkProof(file, logKey, witnessKey string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	if !found {
		return errors.New("no empty line")
	}
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	witness, err := cosignature.NewVerifierForCosignatureV1(witnessKey)
	if err != nil {
		return err
	}
	opened, err := note.Open(checkpoint, note.VerifierList(log, witness))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != 2 {
		return fmt.Errorf("%d good signatures", len(opened.Sigs))
	}
	when, err := cosignature.CoSigV1Timestamp(opened.Sigs[1])
	if err != nil {
		return err
	}
	lines := strings.Split(string(head), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no tlog-proof")
	}
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	var index, size uint64
	if _, err := fmt.Sscanf(lines[2], "index %d", &index); err != nil {
		return err
	}
	body := strings.Split(opened.Text, "\n")
	if _, err := fmt.Sscanf(body[1], "%d", &size); err != nil {
		return err
	}
	root, err := base64.StdEncoding.DecodeString(body[2])
	if err != nil {
		return err
	}
	path := make([][]byte, 0, len(lines))
	for _, line := range lines[3:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	hasher := rfc6962.DefaultHasher
	if err := proof.VerifyInclusion(hasher, index, size, hasher.HashLeaf(leaf), path, root); err != nil {
		return err
	}
	fmt.Printf("entry %d of %d, cosigned at %d\n", index, size, when.Unix())
	return nil
}

// makeKey prints a new key of a log: the signer for this program, then the verifier.
func makeKey(name string) error {
	signer, verifier, err := note.GenerateKey(nil, name)
	if err != nil {
		return err
	}
	fmt.Println(signer)
	fmt.Println(verifier)
	return nil
}

// growLog is a log of Tessera's own that publishes nothing without the witness: its client of add-checkpoint finds
// out the witness' size, makes the proofs and checks the cosignatures.
func growLog(directory, signerKey, witnessKey, witnessURL string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	signer, err := note.NewSigner(signerKey)
	if err != nil {
		return err
	}
	root, err := url.Parse(witnessURL)
	if err != nil {
		return err
	}
	witness, err := tessera.NewWitness(witnessKey, root)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: directory})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(200*time.Millisecond).
		WithBatching(64, 20*time.Millisecond).
		WithWitnesses(tessera.NewWitnessGroup(1, witness), &tessera.WitnessOptions{Timeout: 10 * time.Second})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	for round := range 3 {
		var last tessera.IndexFuture
		for entry := range 150 {
			last = appender.Add(ctx, tessera.NewEntry([]byte(fmt.Sprintf("%d %d %d", os.Getpid(), round, entry))))
		}
		if _, _, err := awaiter.Await(ctx, last); err != nil {
			return err
		}
	}
	checkpoint, err := reader.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	if _, err := note.Open(checkpoint, note.VerifierList(witness.Key)); err != nil {
		return fmt.Errorf("the published checkpoint has no cosignature: %w", err)
	}
	fmt.Println(strings.Split(string(checkpoint), "\n")[1])
	return shutdown(ctx)
}
