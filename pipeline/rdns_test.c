/* rdns_test.c - names of addresses, with a name server of ours */
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "step_impl.h"
#include "step_rdns.h"
#include "testlines.h"
#include "teststeps.h"
#include "weft/sync.h"
#include "weft/time.h"

static struct {
	_Atomic int asked, out, most;
	sem_t	 gate;			/* a thread waits here, outside of Weft */
} server;

static int
answer(const struct sockaddr *addr, socklen_t len, char *name, size_t room)
{
	const uint8_t *ip = (const uint8_t *)&((const struct sockaddr_in *)addr)->sin_addr;
	int now = ++server.out, most = server.most;

	(void)len;
	while (now > most && !atomic_compare_exchange_weak(&server.most, &most, now))
		;
	server.asked++;
	/* 10.9.x.x answers when the test lets it */
	if (ip[1] == 9)
		sem_wait(&server.gate);
	server.out--;
	if (ip[1] == 7)
		return EAI_AGAIN;
	if (ip[1] == 8)
		return EAI_NONAME;
	snprintf(name, room, "host-%d-%d.example", ip[2], ip[3]);
	return 0;
}

static struct step *
rdns(int64_t timeout, int64_t ttl)
{
	struct buf err = { 0 };
	rdns_ask_fn *was = rdns_ask;
	struct step *s;

	server.asked = server.most = 0;
	rdns_ask = answer;
	s = made(step_rdns("ip", "name", timeout, ttl, &err), &err);
	rdns_ask = was;
	return s;
}

static void
add_ips(struct test_lines *tb, int second, int n)
{
	for (int i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"ip\":\"10.%d.%d.%d\"}", second, i / 250, i % 250);
		add(tb, text);
	}
}

TEST(RdnsNamesAddresses)
{
	struct test_lines tb;
	struct step *s = rdns(60 * WEFT_SECOND, 0);

	test_lines_init(&tb);
	add_ips(&tb, 1, 100);
	add_ips(&tb, 1, 100);		/* the same ones: nobody is asked twice */
	add_ips(&tb, 8, 1);		/* has no name, and that is an answer */
	add_ips(&tb, 8, 1);
	add(&tb, "{\"ip\":\"no address\"}");
	add(&tb, "{}");
	for (int round = 0; round < 2; round++) {
		s->run(s, tb.s, tb.b);
		CHECK_STR(added(&tb, &tb.b->lines[7]), "name=host-0-7.example");
		CHECK_STR(added(&tb, &tb.b->lines[107]), "name=host-0-7.example");
		CHECK_STR(added(&tb, &tb.b->lines[200]), "");
		CHECK_EQ(server.asked, 101);
		CHECK_EQ(s->failed, round + 1);
	}
	CHECK(server.most <= 16);
	step_free(s);
	test_lines_finish(&tb);
}

/* The batch's one deadline ends it, however many addresses wait; the answers come later. */
TEST(RdnsGivesUpInTime)
{
	struct test_lines tb;
	struct step *s = rdns(WEFT_SECOND / 50, 0);

	test_lines_init(&tb);
	add_ips(&tb, 9, 200);
	add_ips(&tb, 1, 1);
	sem_init(&server.gate, 0, 0);
	s->run(s, tb.s, tb.b);
	CHECK(s->failed >= 200);
	CHECK_STR(added(&tb, &tb.b->lines[0]), "");
	CHECK(server.most <= 16);
	CHECK_EQ(s->out, 201);
	for (int i = 0; i < 16; i++)
		sem_post(&server.gate);
	step_free(s);			/* waits for those that are out */
	CHECK_EQ(server.out, 0);
	test_lines_finish(&tb);
}

/* A name server that only fails is left alone for a while. */
TEST(RdnsStopsAskingWhatOnlyFails)
{
	struct test_lines tb;
	struct step *s = rdns(60 * WEFT_SECOND, 0);

	test_lines_init(&tb);
	add_ips(&tb, 7, 200);
	s->run(s, tb.s, tb.b);
	CHECK_EQ(s->failed, 200);
	CHECK(server.asked >= 8 && server.asked < 8 + 16);
	CHECK_STR(added(&tb, &tb.b->lines[0]), "");
	step_free(s);
	test_lines_finish(&tb);
}

static void
name_them(struct step *s)
{
	struct test_lines tb;

	test_lines_init(&tb);
	add_ips(&tb, 1, 50);
	s->run(s, tb.s, tb.b);
	for (int i = 0; i < 50; i++)
		CHECK(strstr(added(&tb, &tb.b->lines[i]), "name=host-") != NULL);
	test_lines_finish(&tb);
}

TEST(RdnsOfManyWorkersAsksOnce)
{
	struct step *s = rdns(60 * WEFT_SECOND, 0);
	weft_waitgroup wg = { 0 };

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, name_them, s);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(server.asked, 50);
	CHECK_EQ(s->failed, 0);
	CHECK_EQ(s->out, 400);
	step_free(s);
}
