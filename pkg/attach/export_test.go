package attach

import "time"

// GiveUpAfter shortens the bound on silence.
func (e *Execer) GiveUpAfter(bound time.Duration) { e.silence = bound }
