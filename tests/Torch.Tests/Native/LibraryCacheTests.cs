using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public class LibraryCacheTests
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))];

    [Fact]
    public void A_copy_is_made_once_and_used_again()
    {
        using var folder = Places.NewFolder();
        var first = LibraryCache.Provide(Content, "lib.so", folder.File("new"));
        Assert.False(first.Temporary);
        Assert.Equal(Content, File.ReadAllBytes(first.Path));
        var long_ago = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(first.Path, long_ago);
        Assert.Equal(first, LibraryCache.Provide(Content, "lib.so", folder.File("new")));
        Assert.Equal(long_ago, File.GetLastWriteTimeUtc(first.Path));
    }

    [Fact]
    public void Another_content_gets_another_place()
    {
        using var folder = Places.NewFolder();
        var one = LibraryCache.Provide(Content, "lib.so", folder.Path);
        var two = LibraryCache.Provide(Content[1..], "lib.so", folder.Path);
        Assert.NotEqual(one.Path, two.Path);
        Assert.Equal(Content, File.ReadAllBytes(one.Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(5000)]
    [InlineData(6000)]
    public void A_damaged_copy_is_made_anew(int length)
    {
        using var folder = Places.NewFolder();
        var entry = LibraryCache.Provide(Content, "lib.so", folder.Path);
        File.WriteAllBytes(entry.Path, new byte[length]);
        Assert.Equal(entry, LibraryCache.Provide(Content, "lib.so", folder.Path));
        Assert.Equal(Content, File.ReadAllBytes(entry.Path));
        Assert.Single(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_process_that_has_the_damaged_copy_open_keeps_its_file()
    {
        using var folder = Places.NewFolder();
        var entry = LibraryCache.Provide(Content, "lib.so", folder.Path);
        File.WriteAllBytes(entry.Path, [1, 2, 3]);
        using var open = new FileStream(
            entry.Path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete
        );
        LibraryCache.Provide(Content, "lib.so", folder.Path);
        Assert.Equal(3, open.Length);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_replaced_by_a_private_one_that_vanishes()
    {
        using var folder = Places.NewFolder();
        File.WriteAllText(folder.File("file"), "");
        foreach (var impossible in (string?[])[Path.Combine(folder.File("file"), "cache"), "/proc/kdplugins", null])
        {
            var entry = LibraryCache.Provide(Content, "lib.so", impossible);
            Assert.True(entry.Temporary);
            Assert.Equal(Content, File.ReadAllBytes(entry.Path));
            var parent = Path.GetDirectoryName(entry.Path)!;
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                new DirectoryInfo(parent).UnixFileMode
            );
            LibraryCache.Release(entry);
            Assert.False(Directory.Exists(parent));
        }
    }

    [Fact]
    public void Many_at_once_all_get_whole_copies()
    {
        using var folder = Places.NewFolder();
        var content = new byte[2_000_000];
        new Random(3).NextBytes(content);
        Parallel.For(
            0,
            24,
            new ParallelOptions { MaxDegreeOfParallelism = 12 },
            _ =>
            {
                var entry = LibraryCache.Provide(content, "lib.so", folder.Path);
                Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(entry.Path)));
            }
        );
        Assert.Single(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
    }
}
