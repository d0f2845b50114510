using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Manifest;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>plugin.json: optional, strict, and never trusted with a path.</summary>
public sealed class ManifestTests : IDisposable
{
    private readonly PluginRoot _root = new PluginRoot().Add("One", PluginCompiler.Loss("one"));

    public void Dispose() => _root.Dispose();

    private string Refusal(string json, LoaderOptions? options = null) =>
        _root.Write("One/plugin.json", json).Refusal("One", options);

    private IReadOnlyList<Finding> Findings(string json)
    {
        var folder = _root.Write("One/plugin.json", json).Load().Folders.Single();
        Assert.Equal(PluginState.Active, folder.State);
        return folder.Findings;
    }

    [Theory]
    [InlineData("/etc/evil.dll")]
    [InlineData("../evil.dll")]
    [InlineData("sub/../../evil.dll")]
    [InlineData("sub\\\\..\\\\..\\\\evil.dll")]
    [InlineData("C:\\\\evil.dll")]
    [InlineData("\\\\\\\\server\\\\share\\\\evil.dll")]
    [InlineData("https://example.org/evil.dll")]
    [InlineData("~/evil.dll")]
    [InlineData("One.exe")]
    [InlineData("")]
    [InlineData("./One.dll")]
    [InlineData("One.dll\\u0000.txt")]
    public void A_path_that_leads_out_or_is_no_assembly_is_refused(string path)
    {
        Assert.StartsWith("KDP0110", Refusal($$"""{"entryAssembly":"{{path}}"}"""));
        var hash = new string('0', 64);
        Assert.StartsWith("KDP0110", Refusal($$"""{"assemblies":[{"path":"{{path}}","sha256":"{{hash}}"}]}"""));
    }

    [Fact]
    public void A_manifest_that_says_what_is_there_is_accepted()
    {
        var hash = Convert.ToHexString(
            System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(_root.At("One/One.dll")))
        );
        var json = $$"""
            {"$schema":"x","id":"one","version":"1.0.0","entryAssembly":"One.dll","sdk":"[0.1, 1.0)","kinds":["loss"],"paper":"p",
             "assemblies":[{"path":"One.dll","sha256":"{{hash}}"}],"requires":{"cuda":false,"memoryGiB":0.1} }
            """;
        Assert.Empty(Findings(json));
    }

    [Theory]
    [InlineData("{", "cannot be read")]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("{\"id\":3}", "cannot be read")]
    [InlineData("{\"version\":\"one\"}", "'version' is 'one', not a version such as 1.2.0")]
    [InlineData("{\"sdk\":\"[1\"}", "'sdk' is '[1', not a range")]
    [InlineData("{\"kinds\":[\"lossy\"]}", "'lossy' under 'kinds' is none of Augmentation")]
    [InlineData("{\"kinds\":\"loss\"}", "cannot be read")]
    [InlineData("{\"assemblies\":[{\"path\":\"One.dll\"}]}", "has no 'sha256'")]
    [InlineData("{\"assemblies\":[{\"path\":\"One.dll\",\"sha256\":\"12\"}]}", "'12' under 'assemblies' is no SHA-256")]
    [InlineData("{\"entryAssembly\":\"Two.dll\"}", "names the entry assembly 'Two.dll', which is not in")]
    public void A_manifest_that_cannot_be_used_is_refused_with_the_reason(string json, string reason)
    {
        var message = Refusal(json);
        Assert.StartsWith("KDP0109", message);
        Assert.Contains(reason, message);
    }

    [Fact]
    public void A_manifest_larger_than_any_manifest_is_refused_unparsed() =>
        Assert.Contains("larger than 1 MiB", Refusal(new string(' ', (1 << 20) + 1)));

    [Fact]
    public void What_is_odd_but_harmless_is_a_warning()
    {
        Assert.Contains("has the key 'colour'", Assert.Single(Findings("{\"colour\":1}")).Detail);
        Assert.Contains("has the key 'requires.gpu'", Assert.Single(Findings("{\"requires\":{\"gpu\":1}}")).Detail);
        Assert.Contains(
            "lists the kinds Model; the assembly has Loss",
            Assert.Single(Findings("{\"kinds\":[\"model\"]}")).Detail
        );
        Assert.Contains("has the key 'signature'", Assert.Single(Findings("{\"signature\":\"x\"}")).Detail);
    }

    [Fact]
    public void A_hash_that_differs_is_refused_with_both()
    {
        var zeros = new string('0', 64);
        var message = Refusal($$"""{"assemblies":[{"path":"One.dll","sha256":"{{zeros}}"}]}""");
        Assert.Contains($"lists One.dll, which has the SHA-256 ", message);
        Assert.Contains($", not {zeros}", message);
        Assert.Contains(
            "lists Gone.dll, which is not there",
            Refusal($$"""{"assemblies":[{"path":"Gone.dll","sha256":"{{zeros}}"}]}""")
        );
    }

    [Fact]
    public void An_sdk_range_without_the_hosts_version_is_refused() =>
        Assert.StartsWith(
            "KDP0104 plugin 'One' asks for KdPlugins.Sdk [7.0, 8.0)",
            Refusal("{\"sdk\":\"[7.0, 8.0)\"}")
        );

    [Fact]
    public void What_the_machine_lacks_is_refused_and_what_it_has_is_not()
    {
        const string json = "{\"requires\":{\"cuda\":true,\"memoryGiB\":8}}";
        var small = new LoaderOptions { Capabilities = new(() => true, () => 4L << 30) };
        var plain = new LoaderOptions { Capabilities = new(() => false, () => 16L << 30) };
        var large = new LoaderOptions { Capabilities = new(() => true, () => 16L << 30) };
        Assert.StartsWith("KDP0121 plugin 'One' requires 8 GiB of memory; there are 4.0.", Refusal(json, small));
        Assert.StartsWith("KDP0121 plugin 'One' requires a CUDA device; there is none.", Refusal(json, plain));
        Assert.Equal(PluginState.Active, _root.Load(large).Folders[0].State);
    }

    [Fact]
    public void The_entry_assembly_of_several_is_the_one_that_is_named()
    {
        _root.Write("One/Two.dll", PluginCompiler.Compile("Two", PluginCompiler.Loss("two")));
        _root.Write("One/plugin.json", "{\"entryAssembly\":\"Two.dll\"}");
        Assert.Equal("two", Assert.Single(_root.Load().Plugins).Id);
    }

    [Theory]
    [InlineData("1.2", "1.2.0", true)]
    [InlineData("1.2", "3.0", true)]
    [InlineData("1.2", "1.1.9", false)]
    [InlineData("[1.2, 2.0)", "1.2.0.0", true)]
    [InlineData("[1.2, 2.0)", "2.0.0", false)]
    [InlineData("(1.2, 2.0]", "1.2.0", false)]
    [InlineData("(1.2, 2.0]", "2.0", true)]
    [InlineData("[,2.0]", "0.1", true)]
    public void Ranges_contain_what_they_say(string range, string version, bool expected) =>
        Assert.Equal(expected, VersionRange.Parse(range)!.Contains(new(version)));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("[,]")]
    [InlineData("[1.0]")]
    [InlineData("[1.0,2.0")]
    [InlineData("[a,b]")]
    public void What_is_no_range_is_none(string text) => Assert.Null(VersionRange.Parse(text));
}
