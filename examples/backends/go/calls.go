package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

var client = http.Client{Timeout: 5 * time.Second}

type event map[string]any

// tell has the agent answer with this in mind, in place of what it began without knowing; nothing
// where the call has ended. What the server finds wrong with an event is an error, but for a cancel
// where there was nothing to cancel.
func (d desk) tell(ctx context.Context, id, text string) error {
	part := event{"type": "input_text", "text": text}
	item := event{"type": "message", "role": "system", "content": []event{part}}
	// Texts can always be encoded.
	body, _ := json.Marshal(event{"events": []event{
		{"type": "response.cancel"},
		{"type": "conversation.item.create", "item": item},
		{"type": "response.create"},
	}})
	where := d.url + "/v1/sessions/" + url.PathEscape(id) + "/events"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+d.key)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", answer.Status)
	}
	var told struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	err = json.NewDecoder(answer.Body).Decode(&told)
	for _, wrong := range told.Errors {
		if wrong.Code != "response_cancel_not_active" {
			err = errors.Join(err, errors.New(wrong.Message))
		}
	}
	return err
}
