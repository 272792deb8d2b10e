// Command ferretdb serves MongoDB's wire protocol from FerretDB 1 with its SQLite back-end.
//
// It exists for the store's contract tests only: FerretDB is an implementation of the protocol that shares
// no code with the other server under test, and it can be built from Go modules alone. FerretDB's own
// command cannot be installed as a module, since it insists on a generated version file.
//
// Usage: ferretdb -data FOLDER [-listen HOST:PORT]
//
// When the server listens it prints its URI as one line on standard output. It stops on SIGTERM or SIGINT.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	data := flag.String("data", "", "folder of the databases; must exist")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()

	if err := run(*data, *listen); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

func run(data, listen string) error {
	folder, err := filepath.Abs(data)
	if err != nil || data == "" {
		return fmt.Errorf("-data must name a folder")
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: listen},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + filepath.ToSlash(folder) + "/",
	})
	if err != nil {
		return err
	}

	// The address is known, and the call returns, once Run has bound it.
	go func() { fmt.Println(server.MongoDBURI()) }()

	return server.Run(ctx)
}
