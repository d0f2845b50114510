using System.Security.Cryptography;
using System.Text;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

public sealed class CheckpointDamageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public CheckpointDamageTests() => _run = RunFolder.Create(_folder["run"], Samples.Recipe);

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Every_flipped_byte_is_noticed_and_its_file_named()
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        foreach (string file in Directory.GetFiles(saved.Path))
        {
            byte[] good = File.ReadAllBytes(file);
            for (int at = 0; at < good.Length; at++)
            {
                foreach (int mask in (int[])[0x01, 0x20, 0xff])
                {
                    byte[] bad = [.. good];
                    bad[at] ^= (byte)mask;
                    File.WriteAllBytes(file, bad);
                    AssertDamaged(saved.Path, file);
                }
            }
            File.WriteAllBytes(file, good);
        }
        Checkpoint.Open(saved.Path).Dispose();
    }

    [Fact]
    public void Every_truncation_and_every_added_byte_is_noticed()
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        foreach (string file in Directory.GetFiles(saved.Path))
        {
            byte[] good = File.ReadAllBytes(file);
            for (int length = 0; length < good.Length; length++)
            {
                File.WriteAllBytes(file, good[..length]);
                AssertDamaged(saved.Path, file);
            }
            File.WriteAllBytes(file, [.. good, 0]);
            AssertDamaged(saved.Path, file);
            File.WriteAllBytes(file, good);
        }
    }

    [Fact]
    public void Every_missing_file_is_named()
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        foreach (string file in Directory.GetFiles(saved.Path))
        {
            File.Move(file, _folder["away"]);
            AssertDamaged(saved.Path, file);
            File.Move(_folder["away"], file);
        }
    }

    [Fact]
    public void The_newest_intact_one_is_taken_and_says_what_was_passed_over()
    {
        Samples.Save(_run, 1, keep: 3);
        Spoil(Samples.Save(_run, 2, keep: 3), "state.json");
        Spoil(Samples.Save(_run, 3, keep: 3), "manifest.json");
        using LoadedCheckpoint found = Samples.Load(_run);
        Samples.AssertIsOf(1, found);
        Assert.Equal(2, found.Skipped.Count);
        Assert.Contains("'000003-distil-3', file manifest.json", found.Skipped[0]);
        Assert.Contains("'000002-distil-2', file state.json", found.Skipped[1]);
    }

    [Fact]
    public void In_strict_mode_a_damaged_newest_one_stops()
    {
        Samples.Save(_run, 1);
        Spoil(Samples.Save(_run, 2), "state.json");
        KdException failure = Samples.Fails(RunErrors.CheckpointDamaged, () => Samples.Load(_run, strict: true));
        Assert.Contains("000002-distil-2", failure.Message);
        Assert.Contains("state.json", failure.Message);
    }

    [Fact]
    public void Where_none_is_intact_all_are_named_and_none_is_deleted()
    {
        Spoil(Samples.Save(_run, 1), "state.json");
        Spoil(Samples.Save(_run, 2), "manifest.json");
        KdException failure = Samples.Fails(RunErrors.CheckpointDamaged, () => Samples.Load(_run));
        Assert.Contains("'000001-distil-1', file state.json", failure.Message);
        Assert.Contains("'000002-distil-2', file manifest.json", failure.Message);
        Assert.Equal(2, Directory.GetDirectories(_run.CheckpointsPath).Length);
    }

    [Fact]
    public void A_run_goes_on_behind_a_damaged_checkpoint_under_a_new_number()
    {
        Samples.Save(_run, 1);
        Spoil(Samples.Save(_run, 2), "manifest.json");
        Samples.Load(_run).Dispose();
        Assert.Equal("000003-distil-2", Samples.Save(_run, 2).Name);
        using LoadedCheckpoint found = Samples.Load(_run, strict: true);
        Samples.AssertIsOf(2, found);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/etc/hostname")]
    [InlineData("sub/x")]
    [InlineData("sub\\\\x")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("C:x")]
    public void A_manifest_that_names_files_elsewhere_is_refused(string path)
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        File.WriteAllText(Path.Combine(_run.CheckpointsPath, "x"), "outside");
        Rewrite(saved, text => text.Replace("\"state.json\"", $"\"{path}\""));
        Assert.Contains("outside the checkpoint", AssertDamaged(saved.Path, "manifest.json").Message);
    }

    [Fact]
    public void A_link_in_a_checkpoint_is_refused()
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        string state = Path.Combine(saved.Path, "state.json");
        File.Move(state, _folder["state.json"]);
        File.CreateSymbolicLink(state, _folder["state.json"]);
        Assert.Contains("link", AssertDamaged(saved.Path, state).Message);
    }

    [Theory]
    [InlineData("\"format\": \"kdplugins-checkpoint\"", "\"format\": \"something\"", "not a kdplugins-checkpoint")]
    [InlineData("\"stageIndex\": 0", "\"stageIndex\": \"0\"", "cannot be understood")]
    [InlineData("\"position\"", "\"positions\"", "cannot be understood")]
    [InlineData("\"bytes\": ", "\"bytes\": 1e99", "cannot be understood")]
    [InlineData("\"files\": [", "\"files\": [ 3,", "cannot be understood")]
    [InlineData("01-student.safetensors", "00-optimiser-student.safetensors", "a file twice")]
    [InlineData("\"section\": \"student\"", "\"section\": \"optimiser/student\"", "two sections")]
    [InlineData("\"path\": \"state.json\"", "\"path\": \"other.json\"", "other.json")]
    public void A_manifest_that_says_something_else_is_refused_though_its_hash_is_right(
        string old,
        string replacement,
        string reason
    )
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        Rewrite(saved, text => text.Replace(old, replacement));
        KdException failure = Samples.Fails(RunErrors.CheckpointDamaged, () => Checkpoint.Open(saved.Path));
        Assert.Contains(reason, failure.Message);
    }

    [Theory]
    [InlineData("2.0")]
    [InlineData("0.9")]
    [InlineData("10.0")]
    [InlineData("")]
    public void Another_major_version_is_refused_and_no_older_one_taken_instead(string version)
    {
        Samples.Save(_run, 1);
        CheckpointInfo saved = Samples.Save(_run, 2);
        Rewrite(saved, text => text.Replace("\"version\": \"1.0\"", $"\"version\": \"{version}\""));
        KdException failure = Samples.Fails(RunErrors.CheckpointVersion, () => Samples.Load(_run));
        Assert.Contains($"format {version}", failure.Message);
        Assert.Contains("000002-distil-2", failure.Message);
    }

    [Fact]
    public void A_later_minor_version_is_read()
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        Rewrite(
            saved,
            text => text.Replace("\"version\": \"1.0\"", "\"version\": \"1.7\", \"addedLater\": { \"a\": [1] }")
        );
        using LoadedCheckpoint found = Samples.Load(_run, strict: true);
        Samples.AssertIsOf(1, found);
    }

    [Fact]
    public void A_state_file_of_something_else_is_refused_though_its_hash_is_right()
    {
        foreach (string state in (string[])["", "[]", "{}", """{ "counters": { "a": "b" }, "facts": {} }"""])
        {
            CheckpointInfo saved = Samples.Save(_run, 1);
            ReplaceFile(saved, "state.json", Encoding.UTF8.GetBytes(state));
            AssertDamaged(saved.Path, "state.json");
        }
    }

    [Fact]
    public void A_section_that_is_no_safetensors_is_refused_though_its_hash_is_right()
    {
        CheckpointInfo saved = Samples.Save(_run, 1);
        ReplaceFile(saved, "01-student.safetensors", [1, 2, 3]);
        AssertDamaged(saved.Path, "01-student.safetensors");
    }

    [Fact]
    public void Folders_that_are_no_checkpoints_are_left_alone()
    {
        Directory.CreateDirectory(Path.Combine(_run.CheckpointsPath, "mine"));
        Directory.CreateDirectory(Path.Combine(_run.CheckpointsPath, "123-short"));
        Directory.CreateDirectory(Path.Combine(_run.CheckpointsPath, "abcdef-x"));
        for (int step = 1; step <= 4; step++)
        {
            Samples.Save(_run, step, keep: 1);
        }
        Assert.Equal(4, Directory.GetDirectories(_run.CheckpointsPath).Length);
        using LoadedCheckpoint found = Samples.Load(_run, strict: true);
        Samples.AssertIsOf(4, found);
    }

    private static KdException AssertDamaged(string checkpoint, string file)
    {
        KdException failure = Samples.Fails(RunErrors.CheckpointDamaged, () => Checkpoint.Open(checkpoint));
        Assert.Contains($"file {Path.GetFileName(file)}", failure.Message);
        return failure;
    }

    private static void Spoil(CheckpointInfo checkpoint, string file)
    {
        string path = Path.Combine(checkpoint.Path, file);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^3] ^= 0x10;
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Changes the manifest and makes its own hash right again.</summary>
    private static void Rewrite(CheckpointInfo checkpoint, Func<string, string> change)
    {
        string path = Path.Combine(checkpoint.Path, "manifest.json");
        string text = File.ReadAllText(path);
        int body = text.IndexOf('\n') + 1;
        string changed = change(text[body..]);
        Assert.NotEqual(text[body..], changed);
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(changed)));
        File.WriteAllText(path, $"{{ \"manifestSha256\": \"{hash}\",\n{changed}");
    }

    /// <summary>Replaces a file and makes the manifest fit it.</summary>
    private static void ReplaceFile(CheckpointInfo checkpoint, string file, byte[] content)
    {
        string path = Path.Combine(checkpoint.Path, file);
        byte[] old = File.ReadAllBytes(path);
        File.WriteAllBytes(path, content);
        Rewrite(
            checkpoint,
            text =>
                text.Replace(Hash(old), Hash(content))
                    .Replace($"\"bytes\": {old.Length},", $"\"bytes\": {content.Length},")
        );
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
