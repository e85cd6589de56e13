/* units_test.c - quantities, and what is wrong with others */
#include "units.h"

#include "weft/testing.h"

static int64_t
duration(const char *text)
{
	int64_t ns = -1;

	return unit_duration(text, &ns) ? -1 : ns;
}

static uint64_t
size(const char *text)
{
	uint64_t n = 0;

	return unit_size(text, &n) ? UINT64_MAX : n;
}

TEST(SizesAreRead)
{
	CHECK_EQ(size("0"), 0);
	CHECK_EQ(size("512"), 512);
	CHECK_EQ(size("64MB"), 64000000);
	CHECK_EQ(size("64 MB"), 64000000);
	CHECK_EQ(size("64mb"), 64000000);
	CHECK_EQ(size("64MiB"), 64 << 20);
	CHECK_EQ(size("64M"), 64 << 20);
	CHECK_EQ(size("4GiB"), 4LL << 30);
	CHECK_EQ(size("1.5GB"), 1500000000);
	CHECK_EQ(size("0.1kB"), 100);
	CHECK_EQ(size("8TiB"), 8LL << 40);
}

TEST(SizesAreRefused)
{
	uint64_t n;

	CHECK_STR(unit_size("", &n), "it does not begin with a number");
	CHECK_STR(unit_size("-1", &n), "it does not begin with a number");
	CHECK_STR(unit_size("0x10", &n),
	    "the units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB");
	CHECK_STR(unit_size("1.", &n),
	    "the units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB");
	CHECK_STR(unit_size("99999999999999999999", &n), "it is too large");
	CHECK_STR(unit_size("9999999999GB", &n), "it is too large");
}

TEST(DurationsAreRead)
{
	CHECK_EQ(duration("0"), 0);
	CHECK_EQ(duration("0s"), 0);
	CHECK_EQ(duration("200ms"), 200 * WEFT_MS);
	CHECK_EQ(duration("1.5s"), 1500 * WEFT_MS);
	CHECK_EQ(duration("90min"), 5400 * WEFT_SECOND);
	CHECK_EQ(duration("1h30m"), 5400 * WEFT_SECOND);
	CHECK_EQ(duration("1d"), 86400 * WEFT_SECOND);
	CHECK_EQ(duration("2w"), 14 * 86400 * WEFT_SECOND);
	CHECK_EQ(duration("7ns"), 7);
	CHECK_EQ(duration("1.000000001s"), 1000000001);
}

TEST(DurationsAreRefused)
{
	int64_t ns;

	CHECK_STR(unit_duration("30", &ns), "it has no unit");
	CHECK_STR(unit_duration("1h30", &ns), "it has no unit");
	CHECK_STR(unit_duration("-1s", &ns), "it is negative");
	CHECK_STR(unit_duration("soon", &ns), "it does not begin with a number");
	CHECK_STR(unit_duration("1M", &ns), "the units are ns, us, ms, s, m, h, d and w");
	CHECK_STR(unit_duration("1 h", &ns), "the units are ns, us, ms, s, m, h, d and w");
	CHECK_STR(unit_duration("999999999d", &ns), "it is too large");
}

TEST(RatesAreRead)
{
	int64_t n = 0, per = 0;

	CHECK(!unit_rate("200/s", &n, &per));
	CHECK_EQ(n, 200);
	CHECK_EQ(per, WEFT_SECOND);
	CHECK(!unit_rate("1/5m", &n, &per));
	CHECK_EQ(n, 1);
	CHECK_EQ(per, 300 * WEFT_SECOND);
	CHECK_STR(unit_rate("200", &n, &per), "it does not say per what");
	CHECK_STR(unit_rate("0/s", &n, &per), "it must be above 0");
	CHECK_STR(unit_rate("x/s", &n, &per), "it does not begin with a number");
	CHECK_STR(unit_rate("1/x", &n, &per), "the units are ns, us, ms, s, m, h, d and w");
	CHECK_STR(unit_rate("1/0s", &n, &per), "it must be per more than no time");
	CHECK_STR(unit_rate("11111111111111111111111111/s", &n, &per), "it is too large");
}

TEST(SharesAreRead)
{
	double share = 0;

	CHECK(!unit_share("10%", &share));
	CHECK(share > 0.0999 && share < 0.1001);
	CHECK(!unit_share("0.25", &share));
	CHECK(share == 0.25);
	CHECK(!unit_share("100%", &share));
	CHECK(share == 1);
	CHECK_STR(unit_share("0%", &share), "it is nothing");
	CHECK_STR(unit_share("110%", &share), "it is more than 100%");
	CHECK_STR(unit_share("10", &share), "it is more than 1, which is all; say 10%");
	CHECK_STR(unit_share("1/3", &share), "it is neither a percentage nor a number");
}

TEST(NumbersAndTruthsAreRead)
{
	int64_t n = 0;
	bool yes = false;

	CHECK(!unit_integer("-12", &n));
	CHECK_EQ(n, -12);
	CHECK_STR(unit_integer("1e3", &n), "it is none");
	CHECK_STR(unit_integer("-", &n), "it is none");
	CHECK_STR(unit_integer("9223372036854775808", &n), "it is too large");
	CHECK(!unit_bool("Yes", &yes) && yes);
	CHECK(!unit_bool("off", &yes) && !yes);
	CHECK(unit_bool("1", &yes) != NULL);
}
