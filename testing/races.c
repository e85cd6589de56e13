/*
 * races.c - what the race detector reports is a failure of the test that it is about
 *
 * The detector calls while it holds its own locks: nothing may be done then but to note
 * it.  Not instrumented, for the same reason.
 */
#include "../weft/sanitize.h"
#include "harness.h"

static void on_report(void)
{
	struct group *gr = group_current();
	weft_t *t = gr ? gr->data : NULL;

	if (t)
		atomic_store(&t->raced, true);
}

void races_start(void)
{
	san_on_report(on_report);
}

void races_check(weft_t *t)
{
	static const char text[] = "    race detected during execution of test\n";

	if (!atomic_load(&t->raced))
		return;
	harness_lock();
	atomic_store(&t->failed, true);
	report_log_locked(t, text, sizeof text - 1);
	harness_unlock();
}
