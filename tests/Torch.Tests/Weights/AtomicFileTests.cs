using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>A write that fails at any moment leaves what was there.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_failure_in_the_middle_keeps_the_old_file_and_leaves_nothing_else()
    {
        _folder.Write("w", [1, 2, 3]);
        Assert.Throws<InvalidTimeZoneException>(() =>
            AtomicFile.Write(
                _folder["w"],
                stream =>
                {
                    stream.Write(new byte[100_000]);
                    throw new InvalidTimeZoneException();
                }
            )
        );
        Assert.Equal([1, 2, 3], File.ReadAllBytes(_folder["w"]));
        Assert.Equal([_folder["w"]], Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Until_the_end_readers_see_the_old_content()
    {
        _folder.Write("w", [1]);
        AtomicFile.Write(
            _folder["w"],
            stream =>
            {
                stream.Write([2, 2]);
                stream.Flush();
                Assert.Equal([1], File.ReadAllBytes(_folder["w"]));
                string temporary = Assert.Single(Directory.GetFiles(_folder.Root), f => f != _folder["w"]);
                Assert.EndsWith(AtomicFile.TemporarySuffix, temporary);
            }
        );
        Assert.Equal([2, 2], File.ReadAllBytes(_folder["w"]));
    }

    [Fact]
    public void A_file_system_that_refuses_is_a_typed_failure()
    {
        Fails.With(WeightErrors.WriteFailed, () => AtomicFile.Write(_folder["missing/w"], _ => { }));
        Directory.CreateDirectory(_folder["folder"]);
        Fails.With(WeightErrors.WriteFailed, () => AtomicFile.Write(_folder["folder"], _ => { }));
        Fails.With(WeightErrors.WriteFailed, () => AtomicFile.Write("", _ => { }));
        Fails.With(
            WeightErrors.WriteFailed,
            () => AtomicFile.Write(_folder["w"], _ => throw new IOException("No space left on device"))
        );
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }
}
