using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Classes that cannot be plugins, and constructors that misbehave: refused by name, the others load.</summary>
public sealed class PartTests : IDisposable
{
    private readonly PluginRoot _root = new PluginRoot().Add("Sound", PluginCompiler.Loss("sound"));
    private readonly LoaderOptions _quick = new() { Timeout = TimeSpan.FromMilliseconds(400) };

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData(
        "public MyLoss() { throw new InvalidOperationException(\"no weights\"); }",
        "KDP0115",
        "InvalidOperationException: no weights"
    )]
    [InlineData("static MyLoss() { throw new Exception(\"static trouble\"); }", "KDP0115", "static trouble")]
    [InlineData("public MyLoss() { Thread.Sleep(Timeout.Infinite); }", "KDP0116", "did not return within 0.4 s")]
    [InlineData("public MyLoss() { Environment.Exit(3); }", "KDP0117", "System.Environment.Exit")]
    [InlineData("public MyLoss() { Environment.FailFast(null); }", "KDP0117", "System.Environment.FailFast")]
    [InlineData(
        "public MyLoss() { Microsoft.FSharp.Core.Operators.Exit<int>(3); }",
        "KDP0117",
        "Microsoft.FSharp.Core.Operators.Exit"
    )]
    public void A_constructor_that_misbehaves_is_named(string body, string code, string named)
    {
        _root.Add("Bad", PluginCompiler.Loss("bad", body));
        var catalog = _root.Load(_quick);
        var status = catalog.Status("bad");
        Assert.Equal(code, status.Reason!.Code.Id);
        Assert.Contains(named, status.Reason.Detail);
        Assert.Equal(["sound"], catalog.Plugins.Select(p => p.Id));
        Assert.Contains(status.Reason.ToString(), catalog.Refused(PluginKind.Loss, "bad").Message);
    }

    [Fact]
    public void What_is_held_back_is_active_and_none_of_its_code_runs()
    {
        _root.Add("Held", PluginCompiler.Loss("held", "public MyLoss() { throw new InvalidOperationException(); }"));
        var catalog = _root.Load(new() { Held = new Dictionary<string, string> { ["Held"] = "it leaked." } });

        Assert.Equal(["held", "sound"], catalog.Plugins.Select(p => p.Id));
        var failure = Assert.Throws<KdException>(() => catalog.Create(PluginKind.Loss, "held"));
        Assert.Equal("KDP0128", failure.Code.Id);
        Assert.Contains("plugin 'held' is not run here: it leaked.", failure.Message);
        catalog.Create(PluginKind.Loss, "sound").Dispose();
    }

    [Fact]
    public void One_bad_part_of_an_assembly_leaves_its_neighbours_in_use()
    {
        _root.Add(
            "Mixed",
            PluginCompiler.Loss("good")
                + PluginCompiler.Loss("bad", "public Thrower() { throw new Exception(); }", name: "Thrower")
        );
        var catalog = _root.Load();
        Assert.Equal(["good", "sound"], catalog.Plugins.Select(p => p.Id));
        Assert.Equal(PluginState.LoadError, catalog.Status("bad").State);
        Assert.Equal(PluginState.Active, catalog.Folders[0].State);
    }

    [Fact]
    public void A_part_with_an_import_that_nobody_exports_does_not_poison_its_contract()
    {
        _root.Add(
            "Mixed",
            "public interface INeeded; public interface IOffered; [Export(typeof(IOffered))] public class Offer : IOffered;"
                + PluginCompiler.Loss("good", "[Import] public IOffered? Offered { get; set; }")
                + PluginCompiler.Loss("bad", "[ImportingConstructor] public Poor(INeeded needed) { }", name: "Poor")
        );
        var catalog = _root.Load();
        Assert.Equal(["good", "sound"], catalog.Plugins.Select(p => p.Id));
        var reason = catalog.Status("bad").Reason!;
        Assert.Equal("KDP0114", reason.Code.Id);
        Assert.Contains("No export was found for the contract 'INeeded'", reason.Detail);
        Assert.Contains("[<Export(typeof<INeeded>)>] in F#", reason.ToString());
    }

    [Fact]
    public void A_class_that_does_not_implement_its_contract_is_refused_alone()
    {
        _root.Add("Mixed", PluginCompiler.Loss("good") + "[KdStrategy(\"liar\")] public class Liar;");
        var catalog = _root.Load();
        Assert.Equal(["good", "sound"], catalog.Plugins.Select(p => p.Id));
        Assert.Equal("KDP0114", catalog.Status("liar").Reason!.Code.Id);
        Assert.Contains("'inherit DistillationStrategy<Options>()' in F#", catalog.Status("liar").Reason!.ToString());
    }

    [Fact]
    public void A_type_that_the_runtime_cannot_load_is_refused_alone()
    {
        var before = PluginCompiler.Compile(
            "Base",
            "public class Base : KdPlugins.Sdk.DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }"
        );
        var after = PluginCompiler.Compile("Base", "public class Other;");
        var image = PluginCompiler.Compile(
            "Mixed",
            PluginCompiler.Loss("good") + "[KdLoss(\"orphan\")] public class Orphan : Base;",
            references: before
        );
        var catalog = _root.Add("Mixed", image).Write("Mixed/Base.dll", after).Load();
        Assert.Equal(["good", "sound"], catalog.Plugins.Select(p => p.Id));
        var reason = catalog.Status("orphan").Reason!;
        Assert.Equal("KDP0119", reason.Code.Id);
        Assert.Contains("Could not load type 'Base'", reason.Detail);
    }

    [Theory]
    [InlineData(
        "[KdLoss(\"bad\")] internal sealed class X : DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }",
        "is not public"
    )]
    [InlineData("[KdLoss(\"bad\")] public abstract class X : DistillationLoss<NoOptions>;", "is abstract")]
    [InlineData(
        "[KdLoss(\"bad\")] public class X<T> : DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }",
        "is generic"
    )]
    [InlineData(
        "[KdLoss(\"bad\")] public class X(int n) : DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }",
        "has neither a public constructor without parameters"
    )]
    [InlineData(
        "[KdLoss(\"bad\"), KdAugmentation(\"bad\")] public class X : DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }",
        "carries more than one attribute"
    )]
    [InlineData(
        "[KdLoss(\"Not Kebab\")] public class X : DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }",
        "has the id 'Not Kebab', which is not kebab-case"
    )]
    [InlineData(
        "[KdLoss(\"bad\", Version = \"1\")] public class X : DistillationLoss<NoOptions> { public override Tensor Compute(ILossContext c) => null!; }",
        "has the version '1', which is not major.minor.patch"
    )]
    public void A_class_that_MEF_would_silently_pass_over_is_named_with_the_reason(string source, string reason)
    {
        _root.Add("Bad", source);
        var message = _root.Refusal("Bad");
        Assert.StartsWith("KDP0113 no class of Bad.dll can be a plugin: X", message);
        Assert.Contains(reason, message);
        Assert.All(
            _root.Load().Statuses.Where(s => s.Folder == "Bad"),
            s => Assert.Equal(PluginState.Refused, s.State)
        );
    }

    [Fact]
    public void Attributes_of_the_older_MEF_are_detected()
    {
        const string mef1 =
            "namespace System.ComponentModel.Composition { public class ExportAttribute : System.Attribute; }";
        var library = PluginCompiler.Compile("System.ComponentModel.Composition", mef1);
        var image = PluginCompiler.Compile(
            "Old",
            "[System.ComponentModel.Composition.Export] public class Wrong;",
            references: library
        );
        var message = _root.Add("Old", image).Refusal("Old");
        Assert.StartsWith("KDP0113 Old.dll exports nothing that this host sees; it has attributes of", message);
        Assert.Contains("on Wrong.", message);
    }

    [Fact]
    public void An_export_without_an_id_is_detected() =>
        Assert.Contains(
            "exports Bare by [Export], which gives no id",
            _root.Add("Bad", "[Export] public class Bare;").Refusal("Bad")
        );

    [Fact]
    public void Options_that_cannot_be_made_are_refused()
    {
        _root.Add(
            "Bad",
            "[KdLoss(\"bad\")] public class X : IDistillationLoss { public Type OptionsType => typeof(Stream);"
                + "public void Configure(object o) {} public IReadOnlyCollection<string> Taps(string r, NetworkShape s) => [];"
                + "public bool NeedsTeacher => false; public void Bind(LossBinding b) {} public nn.Module? Module => null;"
                + "public Tensor Compute(ILossContext c) => null!; } public abstract class Stream;"
        );
        Assert.Contains("its options Stream have no public constructor without parameters", _root.Refusal("Bad"));
    }

    [Fact]
    public void Of_two_classes_with_one_id_in_an_assembly_the_higher_version_is_used()
    {
        _root.Add(
            "Twice",
            PluginCompiler.Loss("twice", arguments: ", Version = \"1.9.0\"")
                + PluginCompiler.Loss("twice", arguments: ", Version = \"1.10.0\"", name: "Newer")
        );
        var catalog = _root.Load();
        Assert.Equal("1.10.0", catalog.Plugins.Single(p => p.Id == "twice").Version);
        Assert.Contains(
            "MyLoss has the id 'twice' of Newer 1.10.0",
            catalog.Statuses.Single(s => s.Version == "1.9.0").Reason!.Detail
        );
    }
}
