package main

import (
	"archive/zip"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"github.com/xuri/excelize/v2"
)

var when = time.Date(2020, 7, 1, 12, 34, 56, 0, time.UTC)

type entry struct {
	name    string
	content []byte
}

var entries = []entry{
	{"n.csv", []byte("1,2\n")},
	{"relatório.csv", []byte("a;b\n")},
	{"d/zeros.bin", make([]byte, 20000)},
	{"d/none.csv", nil},
	{"empty/", nil},
}

func writeArchives(folder string) {
	// Create: streams, no times.
	write(filepath.Join(folder, "go-stream.zip"), func(out *zip.Writer, one entry) {
		part, err := out.Create(one.name)
		check(err)
		_, err = part.Write(one.content)
		check(err)
	})
	write(filepath.Join(folder, "go-header.zip"), func(out *zip.Writer, one entry) {
		header := &zip.FileHeader{Name: one.name, Method: zip.Deflate, Modified: when}
		if len(one.content) == 0 {
			header.Method = zip.Store
		}
		part, err := out.CreateHeader(header)
		check(err)
		_, err = part.Write(one.content)
		check(err)
	})
	// CreateRaw: all sizes are in the local header. NonUTF8: the flag is off.
	write(filepath.Join(folder, "go-raw-nonutf8.zip"), func(out *zip.Writer, one entry) {
		header := &zip.FileHeader{Name: one.name, Method: zip.Store, Modified: when, NonUTF8: true,
			CRC32: crcOf(one.content), CompressedSize64: uint64(len(one.content)), UncompressedSize64: uint64(len(one.content))}
		part, err := out.CreateRaw(header)
		check(err)
		_, err = part.Write(one.content)
		check(err)
	})
	root, err := os.MkdirTemp("", "corpus")
	check(err)
	defer os.RemoveAll(root)
	for _, one := range entries {
		path := filepath.Join(root, one.name)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		if one.name == "empty/" {
			check(os.MkdirAll(path, 0o755))
			continue
		}
		check(os.WriteFile(path, one.content, 0o644))
		check(os.Chtimes(path, when, when))
	}
	file, err := os.Create(filepath.Join(folder, "go-addfs.zip"))
	check(err)
	out := zip.NewWriter(file)
	check(out.AddFS(os.DirFS(root)))
	check(out.Close())
	check(file.Close())
}

func write(path string, add func(*zip.Writer, entry)) {
	file, err := os.Create(path)
	check(err)
	out := zip.NewWriter(file)
	check(out.SetComment("comentário"))
	for _, one := range entries {
		add(out, one)
	}
	check(out.Close())
	check(file.Close())
}

func writeWorkbook(path string) {
	book := excelize.NewFile()
	check(book.SetCellValue("Sheet1", "A1", "açaí"))
	check(book.SetCellValue("Sheet1", "B1", 2))
	check(book.SaveAs(path))
}

func crcOf(content []byte) uint32 { return crc32.ChecksumIEEE(content) }
