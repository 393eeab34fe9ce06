// Forms, archives and a workbook as Go's libraries write them. Run by make.sh:
//
//	corpus forms URL CASES
//	corpus archives FOLDER
//	corpus workbook FILE
package main

import "os"

func main() {
	switch os.Args[1] {
	case "forms":
		sendForms(os.Args[2], os.Args[3])
	case "archives":
		writeArchives(os.Args[2])
	case "workbook":
		writeWorkbook(os.Args[2])
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
