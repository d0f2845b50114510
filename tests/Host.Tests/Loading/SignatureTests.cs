using System.Diagnostics;
using System.Security.Cryptography;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Signed loading: nothing runs that a trusted key did not sign as it is, to the last file.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SignatureTests : IDisposable
{
    private readonly PluginRoot _root = new PluginRoot()
        .Write(".source/One/One.dll", Packages.Loss)
        .Write(".source/One/data.bin", "data");
    private readonly LoaderOptions _signed;

    public SignatureTests()
    {
        _signed = new()
        {
            PackageFolder = _root.At(".store"),
            Trust = TrustLevel.Signed,
            TrustedKeys = _root.At(".keys"),
        };
        Keys("me");
        Directory.CreateDirectory(_root.At(".keys"));
        File.Move(_root.At("me.pub.pem"), _root.At(".keys/me.pub.pem"));
        _root.Write("one.kdplugin", PackageWriter.Pack(_root.At(".source/One"), _signed with { Trust = 0 }).Bytes);
    }

    public void Dispose() => _root.Dispose();

    private void Keys(string name) => Assert.Equal(0, Kd.Call("plugins", "keygen", _root.At(name)).ExitCode);

    private void Sign(string key = "me")
    {
        var result = Kd.Call("plugins", "sign", _root.At("one.kdplugin"), "--key", _root.At($"{key}.key.pem"));
        Assert.True(result.ExitCode == 0, result.Error);
    }

    // The signed package as a plain folder, to change what is in it.
    private string Folder()
    {
        Sign();
        using (var package = File.OpenRead(_root.At("one.kdplugin")))
            PackageFile.Extract(package, "one.kdplugin", _root.At("Plain"), _signed);
        File.Delete(_root.At("one.kdplugin"));
        return "Plain";
    }

    [Fact]
    public void A_package_loads_once_a_trusted_key_has_signed_it()
    {
        Assert.Contains("KDP0124 plugin 'one.kdplugin' has no signature", _root.Refusal("one.kdplugin", _signed));
        Sign();
        Assert.Equal("one", _root.Load(_signed).Plugins.Single().Id);
        Assert.Equal("one", _root.Load(_signed with { Trust = TrustLevel.Open }).Plugins.Single().Id);
    }

    [Fact]
    public void A_signature_of_a_stranger_and_one_over_something_else_are_refused()
    {
        Keys("stranger");
        Sign("stranger");
        Assert.Contains("of none of the trusted keys (me.pub.pem)", _root.Refusal("one.kdplugin", _signed));
        var folder = Folder();
        Assert.Single(_root.Load(_signed).Plugins);
        File.AppendAllText(_root.At($"{folder}/plugin.json"), " ");
        Assert.Contains("of none of the trusted keys", _root.Refusal(folder, _signed));
    }

    [Fact]
    public void Every_file_counts_data_too_and_none_may_be_added()
    {
        var folder = Folder();
        _root.Write($"{folder}/data.bin", "atad");
        Assert.Contains("lists data.bin, which has the SHA-256", _root.Refusal(folder, _signed));
        _root.Write($"{folder}/data.bin", "data").Write($"{folder}/more.bin", "x");
        Assert.Contains("has 'more.bin', which its signed plugin.json does not list", _root.Refusal(folder, _signed));
        File.Delete(_root.At($"{folder}/more.bin"));
        File.Delete(_root.At($"{folder}/data.bin"));
        Assert.Contains("lists data.bin, which is not there", _root.Refusal(folder, _signed));
        _root.Write($"{folder}/data.bin", "data");
        Assert.Equal(PluginState.Active, _root.Load(_signed).Folders.Single(f => f.Name == folder).State);
    }

    [Fact]
    public void Folders_without_a_manifest_or_with_a_wrong_signature_are_refused()
    {
        _root.Add("Bare", PluginCompiler.Loss("bare"));
        Assert.Contains("has no plugin.json", _root.Refusal("Bare", _signed));
        var folder = Folder();
        foreach (
            var bytes in (byte[][])
                [
                    [],
                    [0x30],
                    new byte[72],
                    new byte[20_000],
                ]
        )
            Assert.StartsWith("KDP0124", _root.Write($"{folder}/plugin.json.sig", bytes).Refusal(folder, _signed));
    }

    [Fact]
    public void Without_a_usable_trusted_key_nothing_is_loaded_and_the_reason_is_told()
    {
        string Message(string? keys) =>
            Assert.Throws<KdException>(() => _root.Load(_signed with { TrustedKeys = keys })).Message;
        Assert.StartsWith(
            "KDP0124 signed plugins are asked for, but no folder of trusted keys is named.",
            Message(null)
        );
        Assert.Contains("has no .pem file", Message(_root.At("nowhere")));
        _root.Write("bad/x.pem", "no key");
        Assert.Contains("it holds no key in PEM", Message(_root.At("bad")));
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        _root.Write("bad/x.pem", other.ExportSubjectPublicKeyInfoPem());
        Assert.Contains("not on P-256", Message(_root.At("bad")));
    }

    [Fact]
    public void The_commands_make_keys_once_keep_the_secret_and_refuse_a_public_key_to_sign_with()
    {
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_root.At("me.key.pem")));
        Assert.NotEqual(0, Kd.Call("plugins", "keygen", _root.At("me")).ExitCode);
        var signed = Kd.Call("plugins", "sign", _root.At("one.kdplugin"), "--key", _root.At(".keys/me.pub.pem"));
        Assert.Equal(ExitCodes.PluginRefused, signed.ExitCode);
        Assert.Contains("has no private key", signed.Error);
    }

    [Fact]
    public void The_commands_hold_to_the_level_that_is_asked_for()
    {
        KdResult Verify(params string[] more) => Kd.Call(["plugins", "verify", "--plugins", _root.Path, .. more]);
        string[] signed = ["--trust", "signed", "--trusted-keys", _root.At(".keys")];
        Assert.Equal(0, Verify("--trust", "open").ExitCode);
        Assert.Contains("KDP0124", Verify(signed).Error);
        Sign();
        Assert.True(Verify(signed).ExitCode == 0, Verify(signed).Error);
        Assert.Contains("KDP0111", Verify("--trust", "locked").Error);
        Assert.Equal(0, Kd.Call("plugins", "lock", "--plugins", _root.Path).ExitCode);
        Assert.True(Verify("--trust", "locked").ExitCode == 0, Verify("--trust", "locked").Error);
        Assert.NotEqual(0, Verify("--trust", "loked").ExitCode);
    }

    [SkippableFact]
    public void Openssl_accepts_what_is_signed_here_and_signs_what_is_accepted_here()
    {
        Skip.IfNot(File.Exists("/usr/bin/openssl"), "openssl is not here.");
        var folder = _root.At(Folder());
        string[] check = ["-verify", _root.At(".keys/me.pub.pem"), "-signature", "plugin.json.sig"];
        string[] sign = ["-sign", _root.At("me.key.pem"), "-out", "plugin.json.sig"];
        foreach (var arguments in (string[][])[check, sign])
        {
            var start = new ProcessStartInfo("openssl", ["dgst", "-sha256", .. arguments, "plugin.json"])
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
            };
            using var openssl = Process.Start(start)!;
            openssl.WaitForExit();
            Assert.Equal(0, openssl.ExitCode);
        }
        Assert.Equal(PluginState.Active, _root.Load(_signed).Folders.Single(f => f.Name == "Plain").State);
    }
}
