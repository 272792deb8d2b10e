// Matches files with seek-tune: one WAV path a line in, one JSON object a line out.
//
// Compiled by bench.peers.seektune as a package of a seek-tune checkout, and run where its database is, or will be:
//
//	driver store WAV...
//	driver
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"time"

	"song-recognition/db"
	"song-recognition/shazam"
	"song-recognition/utils"
	"song-recognition/wav"
)

type answer struct {
	Name     *string  `json:"name"`
	OffsetS  *float64 `json:"offset_s"`
	Score    *float64 `json:"score"`
	Accepted bool     `json:"accepted"`
	Seconds  float64  `json:"seconds"`
}

// Its own reader of files deletes what it has read; this one only reads.
func read(path string) *wav.WavInfo {
	info, err := wav.ReadWavInfo(path)
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	return info
}

func store(path string) {
	client, err := db.NewDBClient()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	song, err := client.RegisterSong(path, path, path)
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	info := read(path)
	spectrogram, err := shazam.Spectrogram(info.LeftChannelSamples, info.SampleRate)
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	peaks := shazam.ExtractPeaks(spectrogram, info.Duration, info.SampleRate)
	if err := client.StoreFingerprints(shazam.Fingerprint(peaks, song)); err != nil {
		log.Fatalf("%s: %v", path, err)
	}
}

func match(path string) answer {
	started := time.Now()
	info := read(path)
	found, _, err := shazam.FindMatches(info.LeftChannelSamples, info.Duration, info.SampleRate)
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	said := answer{Seconds: time.Since(started).Seconds()}
	if len(found) > 0 {
		said.Name, said.Score, said.Accepted = &found[0].YouTubeID, &found[0].Score, true
	}
	return said
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "store" {
		if err := utils.CreateFolder("db"); err != nil {
			log.Fatal(err)
		}
		for _, path := range os.Args[2:] {
			store(path)
		}
		return
	}
	lines, answers := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answers.Encode(match(lines.Text())); err != nil {
			log.Fatal(err)
		}
	}
}
