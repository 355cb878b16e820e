// A backend that reads what callers say from the sessions' log in NATS, and steers their calls by
// HTTP: as soon as a caller names an order, the agent knows how it stands.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What was said longer ago, while this backend was away, is not worth an answer now.
const freshFor = 15 * time.Second

var order = regexp.MustCompile(`(?i)\border (?:number )?(\d{4})\b`)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	conn, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name("orders"), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	sessions, err := js.KeyValue(ctx, "talkover_sessions")
	if err != nil {
		return err
	}
	// Durable, so that nothing is lost between two runs, and shared by all instances.
	consumer, err := js.CreateOrUpdateConsumer(ctx, "TALKOVER_LOG", jetstream.ConsumerConfig{
		Durable:       "orders",
		DeliverPolicy: jetstream.DeliverNewPolicy,
		FilterSubject: "talkover.log.*",
		AckPolicy:     jetstream.AckExplicitPolicy,
		MaxDeliver:    5,
	})
	if err != nil {
		return err
	}
	desk := desk{sessions, os.Getenv("TALKOVER_URL"), os.Getenv("TALKOVER_KEY")}
	consuming, err := consumer.Consume(func(message jetstream.Msg) {
		if err := desk.read(ctx, message); err != nil {
			log.Printf("%s: %v", message.Subject(), err)
			_ = message.NakWithDelay(time.Second)
		} else {
			_ = message.Ack()
		}
	})
	if err != nil {
		return err
	}
	defer consuming.Stop()
	log.Print("reads the log")
	<-ctx.Done()
	return nil
}

// desk knows the orders, and the server by its address and its own key.
type desk struct {
	sessions jetstream.KeyValue
	url, key string
}

// read is told each message of the log; one may come twice, and does after an error.
func (d desk) read(ctx context.Context, message jetstream.Msg) error {
	about, err := message.Metadata()
	if err != nil || time.Since(about.Timestamp) > freshFor {
		return err
	}
	id := strings.TrimPrefix(message.Subject(), "talkover.log.")
	records, err := decode(message.Data())
	if err != nil {
		return err
	}
	for _, record := range records {
		number := order.FindStringSubmatch(record.said())
		if number == nil {
			continue
		}
		user, err := d.caller(ctx, id)
		if err != nil {
			return err
		}
		if err := d.tell(ctx, id, status(number[1], user)); err != nil {
			return err
		}
	}
	return nil
}

// status stands for your own database; nobody hears of another one's order.
func status(number, user string) string {
	if number == "4711" && user == "ada" {
		return "Order 4711 was shipped on Tuesday."
	}
	return "This caller has no order " + number + "."
}
