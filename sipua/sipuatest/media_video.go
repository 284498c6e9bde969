package sipuatest

import (
	"context"

	"github.com/sipwasm/sipwasm/sipua"
)

// SetVideo implements sipua.VideoSender. It is allowed in "stable".
func (m *Media) SetVideo(ctx context.Context, source *sipua.VideoSource) (negotiate bool, err error) {
	err = m.verb(ctx, VerbSetVideo, "", func() error {
		if m.state != Stable {
			return mediaError("InvalidStateError", "SetVideo in the state %s: an offer is open", m.state)
		}
		video := m.session.stream("video")
		if source == nil {
			m.video = nil
			negotiate = video != nil && video.local.sends()
			return nil
		}
		copied := *source
		m.video = &copied
		negotiate = video == nil || !video.local.sends()
		return nil
	})
	return negotiate, err
}

// Video returns what is sent as video, nil for nothing. Whether it goes out is
// said by [Media.VideoDirection].
func (m *Media) Video() *sipua.VideoSource {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.video == nil {
		return nil
	}
	copied := *m.video
	return &copied
}

// VideoDirection returns what the first negotiated video stream does: "sendrecv",
// "sendonly", "recvonly" or "inactive"; "" when there is none.
func (m *Media) VideoDirection() string { return m.direction("video") }
