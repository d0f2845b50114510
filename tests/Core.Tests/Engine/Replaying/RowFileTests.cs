using KdPlugins.Core.Tests.Runs;

namespace KdPlugins.Core.Tests.Engine.Replaying;

/// <summary>Rows with a checksum each: there and right, or not there.</summary>
public sealed class RowFileTests : IDisposable
{
    private const int Bytes = 24;
    private const int Rows = 5;

    private readonly TemporaryFolder _folder = new();
    private readonly RowForm _form = new([6], channelsLast: false, Bytes);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Rows_come_back_and_others_are_not_there()
    {
        using (var file = Make())
        {
            file.Write(3, Row(3));
            file.Write(0, Row(0));
        }
        Assert.Equal([0, 3], There());
    }

    [Fact]
    public void A_file_that_was_cut_anywhere_has_the_rows_before_the_cut()
    {
        var whole = Whole();
        var start = Start(whole);
        for (var length = start; length <= whole.Length; length++)
        {
            File.WriteAllBytes(Place, whole[..length]);
            Assert.Equal(Enumerable.Range(0, Math.Min(Rows, (length - start) / (Bytes + 8))), There());
        }
    }

    [Fact]
    public void A_row_that_was_half_written_is_not_there()
    {
        var whole = Whole();
        var at = Start(whole) + 2 * (Bytes + 8);
        for (var written = 1; written < Bytes + 8; written++)
        {
            // The first bytes of another row over the old ones, and over nothing.
            foreach (var old in (byte[][])[whole[at..(at + Bytes + 8)], new byte[Bytes + 8]])
            {
                var torn = whole.ToArray();
                old.CopyTo(torn, at);
                torn.AsSpan(at - Bytes - 8, written).CopyTo(torn.AsSpan(at));
                File.WriteAllBytes(Place, torn);
                Assert.Equal([0, 1, 3, 4], There());
            }
        }
    }

    [Fact]
    public void A_flipped_bit_anywhere_takes_its_row_away_and_no_other()
    {
        var whole = Whole();
        var start = Start(whole);
        for (var i = 0; i < Rows * (Bytes + 8); i++)
        {
            var flipped = whole.ToArray();
            flipped[start + i] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(Place, flipped);
            Assert.Equal(Enumerable.Range(0, Rows).Where(r => r != i / (Bytes + 8)), There());
        }
    }

    [Fact]
    public void A_row_in_the_place_of_another_is_not_there()
    {
        var whole = Whole();
        var start = Start(whole);
        whole.AsSpan(start, Bytes + 8).CopyTo(whole.AsSpan(start + 4 * (Bytes + 8)));
        File.WriteAllBytes(Place, whole);
        Assert.Equal([0, 1, 2, 3], There());
    }

    [Fact]
    public void A_file_of_another_key_or_with_a_damaged_header_is_none_and_is_made_anew()
    {
        var whole = Whole();
        Assert.Null(RowFile.Open(Place, "other"));
        for (var i = 0; i < 200; i++)
        {
            var flipped = whole.ToArray();
            flipped[i] ^= 4;
            File.WriteAllBytes(Place, flipped);
            using var found = RowFile.Open(Place, "key");
            // Behind the text the header is empty.
            Assert.True(found is null || whole[i] == 0, $"byte {i}");
        }
        File.WriteAllText(Place, "no header");
        using (Make()) { }
        Assert.Empty(There());
    }

    [Fact]
    public void Rows_of_nothing_but_zeros_are_told_from_what_was_never_written()
    {
        using (var file = Make())
            file.Write(1, new byte[Bytes]);
        using var again = RowFile.Open(Place, "key");
        var target = new byte[Bytes];
        Assert.Equal([1], Enumerable.Range(0, Rows).Where(i => again.Read(i, target)));
    }

    [Fact]
    public async Task What_two_write_to_the_same_rows_at_once_is_never_a_mixture()
    {
        using var one = Make();
        using var other = Make();
        using var reader = RowFile.Open(Place, "key");
        var stop = false;
        var writers = new[] { one, other }.Select(
            (file, who) =>
                Task.Run(() =>
                {
                    for (var i = 0; !Volatile.Read(ref stop); i++)
                        file.Write(i % Rows, Row(who == 0 ? 1 : 7));
                })
        );
        var all = Task.WhenAll(writers.ToArray());
        var (seen, row) = (new HashSet<int>(), new byte[Bytes]);
        for (var i = 0; i < 20_000 || seen.Count < 2 && i < 2_000_000; i++)
            if (reader.Read(i % Rows, row))
                seen.Add(
                    row.SequenceEqual(Row(1)) ? 1
                    : row.SequenceEqual(Row(7)) ? 7
                    : 0
                );
        Volatile.Write(ref stop, true);
        await all;
        Assert.Equal([1, 7], seen.Order());
    }

    private string Place => _folder["rows.answers"];

    private RowFile Make() => RowFile.Make(Place, "key", _form, Rows);

    private static byte[] Row(int i) => [.. Enumerable.Range(0, Bytes).Select(b => (byte)(i * 31 + b))];

    private byte[] Whole()
    {
        using (var file = Make())
            for (var i = 0; i < Rows; i++)
                file.Write(i, Row(i));
        return File.ReadAllBytes(Place);
    }

    // Where the first row begins.
    private static int Start(byte[] whole) => whole.AsSpan().IndexOf(Row(0));

    // The rows that are there, each of which has to be what was written.
    private List<int> There()
    {
        using var file = RowFile.Open(Place, "key");
        var (there, row) = (new List<int>(), new byte[Bytes]);
        for (var i = 0; i < Rows; i++)
            if (file.Read(i, row))
            {
                Assert.Equal(Row(i), row);
                there.Add(i);
            }
        return there;
    }
}
