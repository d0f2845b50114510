namespace KdPlugins.Host.Tests.Commands;

[Collection("commands")]
public sealed class DoctorTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public void It_says_what_the_machine_computes_with()
    {
        var report = Assert.Single(Kd.Call("doctor", "--json", "--plugins", Kd.Plugins).Lines);
        Assert.Matches("family \\d+, model \\d+", (string)report["processor"]!);
        Assert.StartsWith("2.10", (string)report["libtorch"]!);
        Assert.NotEmpty((string)report["reason"]!);
        Assert.Equal(Torch.NativeRuntime.Start().Instructions.Limit, (string?)report["instructions"]);
        Assert.Equal(Torch.NativeRuntime.Start().Instructions.Trials.Count, report["trials"]!.AsArray().Count);

        var text = Kd.Call("doctor", "--plugins", Kd.Plugins).Output;
        foreach (var key in (string[])["version", "runtime", "processor", "memory", "cuda", "plugins"])
            Assert.Contains((string)report[key]!, text);
    }

    [Fact]
    public void A_plugin_that_was_refused_is_part_of_the_report()
    {
        var broken = Directory.CreateDirectory(_kd.At("plugins/Broken")).FullName;
        File.WriteAllText(Path.Combine(broken, "Broken.dll"), "no assembly");
        var said = Kd.Call("doctor", "--plugins", _kd.At("plugins")).Output;
        Assert.Contains("\nBroken: KDP", said);
        Assert.Contains("\nplugins        0 in ", said);
    }
}
