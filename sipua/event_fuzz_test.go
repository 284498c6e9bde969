package sipua_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Whatever a NOTIFY carries: no panic, a value or an error, a merge that agrees
// with itself; and a presence that was read can be written and read again.
func FuzzEventBody(f *testing.F) {
	f.Add([]byte("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n\r\nFrom: a\r\n"))
	f.Add([]byte(`<dialog-info version="1" state="partial"><dialog id="1"><state code="1">early</state></dialog><dialog id="1"/></dialog-info>`))
	f.Add([]byte(conferenceFull))
	f.Add([]byte(`<conference-info state="partial"><users state="partial"><user entity="a" state="partial"><endpoint state="deleted"/></user><user state="deleted"/></users></conference-info>`))
	f.Add([]byte(`<reginfo state="partial"><registration id="1"><contact id="1"><uri>sip:a</uri></contact></registration><registration id="1"/></reginfo>`))
	f.Add([]byte(`<presence entity="a"><tuple id="1"><status><basic>open</basic></status><contact priority="0.5">b</contact><timestamp>2001-10-27T16:49:29.5+01:00</timestamp></tuple>` +
		`<note xml:lang="de">n</note><person><activities><away/><x>y</x></activities></person></presence>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := sipua.ParseMessageSummary(body); err != nil {
			require.ErrorIs(t, err, sipua.ErrProtocol)
		}
		if d, err := sipua.ParseDialogInfo(body); err == nil {
			first, _ := d.Merge(sipua.DialogInfo{})
			d.State, d.Version = sipua.DocumentPartial, d.Version+1
			again, update := d.Merge(first)
			require.Equal(t, sipua.DocumentApplied, update)
			require.LessOrEqual(t, len(again.Dialogs), len(first.Dialogs)+len(d.Dialogs))
			_ = again.Lamp()
		}
		if r, err := sipua.ParseRegistrationInfo(body); err == nil {
			first, _ := r.Merge(sipua.RegistrationInfo{})
			r.State, r.Version = sipua.DocumentPartial, r.Version+1
			_, update := r.Merge(first)
			require.Equal(t, sipua.DocumentApplied, update)
		}
		if c, err := sipua.ParseConferenceInfo(body); err == nil && c.State == sipua.DocumentFull {
			first, _ := c.Merge(sipua.ConferenceInfo{})
			same, update := first.Merge(first)
			require.Equal(t, sipua.DocumentApplied, update)
			require.Equal(t, len(first.Users), len(same.Users))
			c.State, c.Version = sipua.DocumentPartial, c.Version+1
			_, update = c.Merge(first)
			require.Equal(t, sipua.DocumentApplied, update)
		}
		if p, err := sipua.ParsePresence(body); err == nil {
			once, err := sipua.ParsePresence(p.PIDF())
			if err != nil { // only a document near the limits grows beyond them
				require.Greater(t, len(p.PIDF()), 100_000, "%v", err)
				return
			}
			require.Equal(t, p.Open(), once.Open())
			require.Equal(t, p.Person.Activities, once.Person.Activities)
			require.Len(t, once.Tuples, len(p.Tuples))
			twice, err := sipua.ParsePresence(once.PIDF())
			require.NoError(t, err)
			require.Equal(t, once, twice)
		}
	})
}
