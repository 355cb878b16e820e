package main

import (
	"context"
	"encoding/json"
)

// record is one thing that a session said (docs/subjects.md), as far as it is needed here.
type record struct {
	Fact string
	// Of Transcribed: what was understood of the caller's voice.
	Text string
	// Of ItemDone: an item as JSON; of others the item's id.
	Item json.RawMessage
}

// said is what the caller said or typed, once it is whole; else nothing.
func (r record) said() string {
	if r.Fact == "Transcribed" {
		return r.Text
	}
	var item struct {
		Role    string
		Content []struct{ Text string }
	}
	if r.Fact != "ItemDone" || json.Unmarshal(r.Item, &item) != nil || item.Role != "user" {
		return ""
	}
	words := ""
	for _, part := range item.Content {
		words += part.Text + " "
	}
	return words
}

// decode gives the records of a message; the mark of a session's new owner has none.
func decode(data []byte) ([]record, error) {
	var message struct {
		// Each is [number, milliseconds on the session's clock, JSON as text].
		Records [][3]any
	}
	if err := json.Unmarshal(data, &message); err != nil {
		return nil, err
	}
	records := make([]record, len(message.Records))
	for n, each := range message.Records {
		text, _ := each[2].(string)
		if err := json.Unmarshal([]byte(text), &records[n]); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// caller is who was given the session's client secret.
func (d desk) caller(ctx context.Context, id string) (string, error) {
	entry, err := d.sessions.Get(ctx, id)
	if err != nil {
		return "", err
	}
	var row struct {
		About struct{ User string }
	}
	return row.About.User, json.Unmarshal(entry.Value(), &row)
}
