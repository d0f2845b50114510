using KdPlugins.Core.Tests.Runs;

namespace KdPlugins.Core.Tests.Engine.Replaying;

/// <summary>Processes that write answers and are killed; KD_TESTS_FULL=1 kills thirty.</summary>
public sealed class KilledWriterTests : IDisposable
{
    private const int Rows = 64;
    private const int Bytes = 1 << 18;

    private static readonly int Kills = Environment.GetEnvironmentVariable("KD_TESTS_FULL") == "1" ? 30 : 2;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_row_is_right_or_not_there_whenever_the_writers_are_killed()
    {
        Directory.CreateDirectory(_folder["."]);
        var random = new Random(1);
        var most = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            if (kill % 3 == 0)
                File.Delete(_folder["rows.answers"]);
            // Two write to the same rows, each its own values, which follow from the first byte.
            using (var one = ProbeProcess.Start("answers", _folder["."]))
            using (ProbeProcess.Start("answers", _folder["."]))
            {
                Thread.Sleep(random.Next(200));
                one.Kill();
            }
            most = Math.Max(most, Right());
        }
        Assert.InRange(most, 1, Rows);
    }

    private int Right()
    {
        using var file = RowFile.Open(_folder["rows.answers"], "key");
        var (right, row) = (0, new byte[Bytes]);
        for (var i = 0; i < Rows; i++)
            if (file.Read(i, row))
            {
                for (var b = 0; b < Bytes; b++)
                    if (row[b] != (byte)(row[0] + b % 251))
                        Assert.Fail($"Row {i} is another one from byte {b} on.");
                right++;
            }
        return right;
    }
}
