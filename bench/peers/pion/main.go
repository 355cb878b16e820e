// The other peer to compare with: a Pion server that sends back what it hears, packet by packet.
//
// It takes the same calls as bench.server. It decodes nothing and encodes nothing: the least that a
// server of that library does with a call. With -listen it does not even send back.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

const mostOffer = 64 * 1024

type server struct {
	api    *webrtc.API
	listen bool
	mutex  sync.Mutex
	calls  map[string]*webrtc.PeerConnection
}

func main() {
	listen := flag.Bool("listen", false, "send nothing back")
	flag.Parse()
	api, err := newAPI()
	if err != nil {
		log.Fatal(err)
	}
	it := &server{api: api, listen: *listen, calls: map[string]*webrtc.PeerConnection{}}
	http.HandleFunc("POST /v1/realtime/calls", it.call)
	http.HandleFunc("POST /v1/realtime/calls/{id}/hangup", it.hangUp)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "listens at http://%s\n", listener.Addr())
	go report()
	log.Fatal(http.Serve(listener, nil))
}

// newAPI has Opus, the library's usual interceptors (reports, NACK, TWCC), one UDP port for all calls,
// and loopback, which is where this is measured.
func newAPI() (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	opus := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
			SDPFmtpLine: "minptime=10;useinbandfec=1;maxplaybackrate=16000",
		},
		PayloadType: 111,
	}
	if err := media.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, registry); err != nil {
		return nil, err
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEUDPMux(webrtc.NewICEUDPMux(nil, socket))
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings)), nil
}

func (it *server) call(response http.ResponseWriter, request *http.Request) {
	offer, err := io.ReadAll(http.MaxBytesReader(response, request.Body, mostOffer))
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	answer, id, err := it.answer(string(offer))
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	response.Header().Set("Content-Type", "application/sdp")
	response.Header().Set("Location", "/v1/realtime/calls/"+id)
	response.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(response, answer)
}

func (it *server) answer(offer string) (string, string, error) {
	peer, err := it.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", "", err
	}
	kind := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	back, err := webrtc.NewTrackLocalStaticRTP(kind, "audio", "echo")
	if err == nil {
		var sender *webrtc.RTPSender
		if sender, err = peer.AddTrack(back); err == nil {
			go drain(sender)
			peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { it.echo(track, back) })
			err = agree(peer, offer)
		}
	}
	if err != nil {
		return "", "", errors.Join(err, peer.Close())
	}
	name := make([]byte, 16)
	_, _ = rand.Read(name)
	id := hex.EncodeToString(name)
	it.mutex.Lock()
	it.calls[id] = peer
	it.mutex.Unlock()
	return peer.LocalDescription().SDP, id, nil
}

func agree(peer *webrtc.PeerConnection, offer string) error {
	gathered := webrtc.GatheringCompletePromise(peer)
	offered := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	if err := peer.SetRemoteDescription(offered); err != nil {
		return err
	}
	answer, err := peer.CreateAnswer(nil)
	if err != nil {
		return err
	}
	if err := peer.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	return nil
}

// echo reads packets until the call ends, and sends each back as it came.
func (it *server) echo(track *webrtc.TrackRemote, back *webrtc.TrackLocalStaticRTP) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		packet.Extension, packet.Extensions = false, nil
		if it.listen {
			continue
		}
		if back.WriteRTP(packet) != nil {
			return
		}
	}
}

// drain reads reports, so that the interceptors see them.
func drain(sender *webrtc.RTPSender) {
	buffer := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(buffer); err != nil {
			return
		}
	}
}

func (it *server) hangUp(_ http.ResponseWriter, request *http.Request) {
	id := strings.TrimSpace(request.PathValue("id"))
	it.mutex.Lock()
	peer := it.calls[id]
	delete(it.calls, id)
	it.mutex.Unlock()
	if peer != nil {
		_ = peer.Close()
	}
}
