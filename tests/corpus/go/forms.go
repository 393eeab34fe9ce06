package main

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
)

type sentCase struct {
	Case  string
	Files []struct{ Name, Content string }
	// Absent: not sent.
	Params   *string
	Metadata *string
}

// sendForms sends each case of forms/cases.json with mime/multipart and net/http.
func sendForms(url, casesFile string) {
	text, err := os.ReadFile(casesFile)
	check(err)
	var cases []sentCase
	check(json.Unmarshal(text, &cases))
	for _, one := range cases {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for _, file := range one.Files {
			part, err := form.CreateFormFile("file", file.Name)
			check(err)
			_, err = part.Write([]byte(file.Content))
			check(err)
		}
		if one.Params != nil {
			check(form.WriteField("params", *one.Params))
		}
		if one.Metadata != nil {
			check(form.WriteField("metadata", *one.Metadata))
		}
		check(form.Close())
		answer, err := http.Post(url+"/go/"+one.Case, form.FormDataContentType(), &body)
		check(err)
		answer.Body.Close()
	}
}
