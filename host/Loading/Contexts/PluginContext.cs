using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using McMaster.NETCore.Plugins.Loader;

namespace KdPlugins.Host.Loading.Contexts;

/// <summary>
/// The load context of one plugin folder. Made by McMaster.NETCore.Plugins' builder, without the package's probing paths
/// from runtimeconfig.json (they come from files) and its watcher. Assemblies are loaded from memory: files can be
/// replaced or deleted while the plugin runs.
/// </summary>
internal sealed class PluginContext
{
    private readonly HostGate _gate;
    private readonly string _folder;

    internal PluginContext(string name, string folder, string entryPath)
    {
        _gate = new(name);
        _folder = folder;
        Context = new AssemblyLoadContextBuilder()
            .SetMainAssemblyPath(Path.Combine(folder, entryPath))
            .SetDefaultContext(_gate)
            .PreferDefaultLoadContext(true)
            .EnableUnloading()
            .PreloadAssembliesIntoMemory()
            .ShadowCopyNativeLibraries()
            .Build();
        Context.ResolvingUnmanagedDll += FindNative;
    }

    /// <summary>The context itself.</summary>
    internal AssemblyLoadContext Context { get; }

    /// <summary>Loads the entry assembly from the bytes that were inspected.</summary>
    internal Assembly LoadEntry(byte[] image, string path)
    {
        var symbols = Path.Combine(_folder, Path.ChangeExtension(path, ".pdb"));
        using var stream = new MemoryStream(image, writable: false);
        if (!File.Exists(symbols))
            return Context.LoadFromStream(stream);
        using var symbolStream = new MemoryStream(File.ReadAllBytes(symbols), writable: false);
        return Context.LoadFromStream(stream, symbolStream);
    }

    /// <summary>Starts the unloading; it ends when nothing refers to the context any more.</summary>
    internal WeakReference Unload()
    {
        var weak = new WeakReference(Context, trackResurrection: true);
        Context.ResolvingUnmanagedDll -= FindNative;
        Context.Unload();
        _gate.Unload();
        return weak;
    }

    // The package looks into the folder only for names that end like a file; [DllImport("name")] has no ending.
    private nint FindNative(Assembly assembly, string name)
    {
        foreach (var file in (string[])[$"lib{name}.so", $"{name}.so", $"{name}.dll", $"lib{name}.dylib", name])
        {
            var path = Path.Combine(_folder, file);
            if (file == Path.GetFileName(file) && File.Exists(path) && NativeLibrary.TryLoad(path, out var handle))
                return handle;
        }
        return 0;
    }
}
