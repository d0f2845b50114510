using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Plugins that were built against an SDK of the same version with other members: refused before a run needs them.</summary>
public sealed class ContractMemberTests : IDisposable
{
    private const string Loss = "DistillationLoss.cs";
    private const string LossMember = "    public virtual bool NeedsTeacher => true;";
    private const string Base = "Plugin.cs";
    private const string BaseMember = "    protected virtual void OnConfigured() { }";

    private readonly PluginRoot _root = new PluginRoot().Add("Sound", PluginCompiler.Loss("sound"));

    public void Dispose() => _root.Dispose();

    private static byte[] Build(byte[] sdk, string body, string beside = "", string name = "One") =>
        PluginCompiler.Compile(name, PluginCompiler.Loss(name.ToLowerInvariant(), body) + beside, references: sdk);

    [Theory]
    // A method that is gone.
    [InlineData(
        Loss,
        LossMember,
        LossMember + "\n    public void Gone() { }",
        "void Use() => Gone();",
        "uses Void Gone() of KdPlugins.Sdk.DistillationLoss`1, which this host does not have."
    )]
    // A type that is gone.
    [InlineData(
        Base,
        "public sealed record NoOptions;",
        "public sealed record NoOptions; public sealed class Gone { public sealed class Inner { } }",
        "object Use() => new Gone.Inner();",
        "uses the type KdPlugins.Sdk.Gone+Inner, which this host does not have; the type KdPlugins.Sdk.Gone, which"
    )]
    // Another return type.
    [InlineData(
        Base,
        BaseMember,
        "    protected virtual bool OnConfigured() => true;",
        "void Use() => OnConfigured();",
        "uses Boolean OnConfigured() of KdPlugins.Sdk.Plugin`1, where this host has Void OnConfigured()."
    )]
    // Another parameter.
    [InlineData(
        Base,
        BaseMember,
        "    protected virtual void OnConfigured(int[] n = null!) { }",
        "void Use() => OnConfigured();",
        "uses Void OnConfigured(Int32[]) of KdPlugins.Sdk.Plugin`1, where this host has Void OnConfigured()."
    )]
    // A property of a base class, read.
    [InlineData(
        Base,
        BaseMember,
        BaseMember + "\n    protected TOptions? Gone => null;",
        "object? Use() => Gone;",
        "uses !0 get_Gone() of KdPlugins.Sdk.Plugin`1, which this host does not have."
    )]
    // A property of a base class, overridden: without this nobody would ever say that it is not asked for.
    [InlineData(
        Loss,
        LossMember,
        LossMember + "\n    public virtual bool Gone => true;",
        "public override bool Gone => false;",
        "uses Boolean get_Gone() of KdPlugins.Sdk.DistillationLoss`1, which this host does not have."
    )]
    // A generic member of a generic type.
    [InlineData(
        Base,
        BaseMember,
        BaseMember + "\n    protected TTo? Turn<TTo>(Dictionary<string, TOptions> from) => default;",
        "object? Use() => Turn<string>(null!);",
        "uses !!0 Turn``1(System.Collections.Generic.Dictionary`2<String, !0>) of KdPlugins.Sdk.Plugin`1, which"
    )]
    // A field, in code that only the end of a run reaches.
    [InlineData(
        Base,
        "public sealed record NoOptions;",
        "public sealed record NoOptions { public static readonly int Gone = 1; }",
        "sealed class Last : IDisposable { public void Dispose() => new List<int> { 1 }.ForEach(n => _ = n + NoOptions.Gone); }",
        "uses Int32 Gone of KdPlugins.Sdk.NoOptions, which this host does not have."
    )]
    // A member that is there, but not for plugins.
    [InlineData(
        Base,
        "private TOptions? _options;",
        "public TOptions? _options;",
        "object? Use() => _options;",
        "uses !0 _options of KdPlugins.Sdk.Plugin`1, where this host has !0 _options, which is not public."
    )]
    public void What_the_host_does_not_have_is_named(string file, string old, string with, string body, string expected)
    {
        var message = _root.Add("One", Build(OtherSdk.With(file, old, with), body)).Refusal("One");
        Assert.StartsWith("KDP0125 One.dll of plugin 'One' was built against another KdPlugins.Sdk 0.1", message);
        Assert.Contains(expected, message);
        Assert.Contains("Rebuild the plugin against this host's KdPlugins.Sdk", message);
        var catalog = _root.Load();
        Assert.Equal(PluginState.Refused, catalog.Status("one").State);
        Assert.Equal(PluginState.Active, catalog.Status("sound").State);
    }

    [Fact]
    public void A_member_of_an_interface_is_named()
    {
        var other = PluginCompiler.Compile(
            "Microsoft.Extensions.Logging.Abstractions",
            "namespace Microsoft.Extensions.Logging { public interface ILogger { void Gone(ref int n); } }",
            version: "1.0.0.0"
        );
        var image = Build(other, "void Use(Microsoft.Extensions.Logging.ILogger log) { var n = 1; log.Gone(ref n); }");
        Assert.Contains(
            "uses Void Gone(Int32&) of Microsoft.Extensions.Logging.ILogger, which this host does not have.",
            _root.Add("One", image).Refusal("One")
        );
    }

    [Fact]
    public void A_library_of_the_plugin_is_looked_at_too()
    {
        var sdk = OtherSdk.With(
            Base,
            "public sealed record NoOptions;",
            "public sealed record NoOptions; public class Gone { }"
        );
        var library = PluginCompiler.Compile("Helper", "public class Helper : Gone { }", references: sdk);
        var entry = PluginCompiler.Compile(
            "One",
            PluginCompiler.Loss("one", "object Use() => typeof(Helper);"),
            references: [library, sdk]
        );
        Assert.StartsWith(
            "KDP0125 Helper.dll of plugin 'One' was built against another KdPlugins.Sdk",
            _root.Add("One", entry).Write("One/Helper.dll", library).Refusal("One")
        );
    }

    [Fact]
    public void What_fits_passes_however_it_was_built()
    {
        var sdk = OtherSdk.With(Loss, LossMember, LossMember + "\n    public void Gone() { }");
        const string body = """
            public override bool NeedsTeacher => base.NeedsTeacher;
            protected override void OnConfigured() { base.OnConfigured(); _ = Options; }
            sealed class Net() : nn.Module<Tensor, Tensor>("net") {
                public override Tensor forward(Tensor input) => nn.functional.relu(input).sum();
            }
            Tensor Use() { using var net = new Net(); return net.call(zeros(1)) + net.parameters().Count(); }
            """;
        const string count =
            "static class More { public static int Count<T>(this IEnumerable<T> all) => all.ToString()!.Length; }";
        _root.Add("One", Build(sdk, body, count));
        Assert.Empty(_root.Load().Folders.Single(f => f.Name == "One").Findings);
    }

    /// <summary>Assemblies that run with these very contracts refer to nothing that is not there.</summary>
    [Fact]
    public void Nothing_that_runs_here_is_refused()
    {
        var checkedFor = 0;
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll"))
            if (AssemblyReader.Read(File.ReadAllBytes(file), out _) is { } facts)
            {
                checkedFor += facts.References.Count(r => ContractAssemblies.IsContract(r.Name));
                Assert.True(facts.Unmet.Count == 0, $"{file}: {string.Join("; ", facts.Unmet)}");
            }
        Assert.True(checkedFor > 10, $"{checkedFor} references");
    }

    [Fact]
    public void What_was_moved_or_is_inherited_is_found()
    {
        var exception = HostAssembly.Of("System.Runtime")!.Find("System.IO.FileNotFoundException")!.Value;
        Assert.True(HostMembers.Find(exception, "get_Message", "String get_Message()", isField: false).IsMet);
        Assert.True(
            HostMembers.Find(exception, "get_InnerException", "System.Exception get_InnerException()", false).IsMet
        );
        Assert.False(HostMembers.Find(exception, "get_Message", "Int32 get_Message()", isField: false).IsMet);
        Assert.False(HostMembers.Find(exception, ".ctor", "Void .ctor(Int32, Int32)", isField: false).IsMet);
    }
}
