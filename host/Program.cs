using KdPlugins.Host.Loading;
using KdPlugins.Torch;

// Starting libtorch takes as long as everything else together: beside the inspection, awaited when a plugin needs it.
var native = Task.Run(NativeRuntime.Start);
var options = new LoaderOptions { BeforeFirstInstance = () => native.GetAwaiter().GetResult() };
var catalog = FolderPluginCatalog.Load(Path.Combine(AppContext.BaseDirectory, "plugins"), options);
foreach (var folder in catalog.Folders)
    Console.WriteLine(
        FormattableString.Invariant($"{folder.Name}: {folder.State}, {folder.LoadTime.TotalMilliseconds:F1} ms")
    );
foreach (var status in catalog.Statuses)
    Console.WriteLine($"{status.Kind} {status.Id} {status.Version}: {status.State} {status.Reason}");
if (catalog.Plugins.Count == 0)
    Console.WriteLine($"{catalog.Root} has no usable plugin: no model, no loss, no strategy is known.");
